//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// program is one that runs in a namespace until it is stopped. Its process ID
// and its log are in the lab's folder.
type program struct {
	name  string
	node  string
	path  string
	args  []string
	files map[string]string // configuration by file name, written before each start
	ready func(context.Context, *lab.Lab) error
}

const (
	readyLimit = 30 * time.Second
	stopLimit  = 10 * time.Second
	pollEvery  = 50 * time.Millisecond
)

func (s *settings) pidFile(p program) string { return filepath.Join(s.dir, p.name+".pid") }
func (s *settings) logFile(p program) string { return filepath.Join(s.dir, p.name+".log") }

// start starts a program unless it runs, and waits until it is ready.
func (s *settings) start(ctx context.Context, l *lab.Lab, p program) error {
	if _, err := s.process(p); err == nil {
		return nil
	}
	for name, text := range p.files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("configuration of %s: %w", p.name, err)
		}
	}
	log, err := os.Create(s.logFile(p))
	if err != nil {
		return fmt.Errorf("log of %s: %w", p.name, err)
	}
	defer log.Close() // the process has its own
	n, err := node(l, p.node)
	if err != nil {
		return err
	}
	cmd := n.Command(p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	pid, err := cmd.Detach()
	if err != nil {
		return err
	}
	if err := s.remember(p, pid); err != nil {
		return err
	}
	return s.await(ctx, l, p)
}

// remember writes the process ID with the time at which the process began, so
// that no other is ever taken for it.
func (s *settings) remember(p program, pid int) error {
	began, err := beginning(pid)
	if err != nil {
		return fmt.Errorf("%s ended at once; its log is %s: %w", p.name, s.logFile(p), err)
	}
	return os.WriteFile(s.pidFile(p), fmt.Appendf(nil, "%d %s\n", pid, began), 0o644)
}

// await waits until a program is ready.
func (s *settings) await(ctx context.Context, l *lab.Lab, p program) error {
	if p.ready == nil {
		return nil
	}
	for deadline := time.Now().Add(readyLimit); ; time.Sleep(pollEvery) {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		err := p.ready(limited, l)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if _, gone := s.process(p); gone != nil {
			return fmt.Errorf("%s ended before it was ready; its log is %s", p.name, s.logFile(p))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %v: %w; its log is %s", p.name, readyLimit, err, s.logFile(p))
		}
	}
}

// errStopped says that a program does not run.
var errStopped = errors.New("it does not run")

// process is the ID of a program that runs.
func (s *settings) process(p program) (int, error) {
	text, err := os.ReadFile(s.pidFile(p))
	if errors.Is(err, os.ErrNotExist) {
		return 0, errStopped
	}
	if err != nil {
		return 0, err
	}
	first, began, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s: %q is no process", s.pidFile(p), text)
	}
	if now, err := beginning(pid); err != nil || now != began {
		return 0, errStopped
	}
	return pid, nil
}

// beginning is when a process began, in clock ticks since the boot: field 22
// of /proc/PID/stat, see proc(5). A zombie has ended, but not before its last
// thread has: until then its files are open, and it still listens.
func beginning(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", errStopped
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" && threads(fields[17]) <= 1 {
		return "", errStopped
	}
	return fields[19], nil
}

// threads is field 20: those that have not ended, and the first one, which stays until
// somebody has waited for it.
func threads(field string) int {
	n, _ := strconv.Atoi(field) // the kernel's
	return n
}

// stop ends a program: by a signal, and if it does not heed it, by SIGKILL.
func (s *settings) stop(p program, by syscall.Signal) error {
	pid, err := s.process(p)
	if errors.Is(err, errStopped) {
		return s.forget(p)
	}
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(stopLimit); ; time.Sleep(pollEvery) {
		if err := syscall.Kill(pid, by); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end %s, process %d: %w", p.name, pid, err)
		}
		by = 0 // only asks whether it is there
		if time.Now().After(deadline) {
			by = syscall.SIGKILL
		}
		if _, err := s.process(p); errors.Is(err, errStopped) {
			return s.forget(p)
		}
	}
}

func (s *settings) forget(p program) error {
	if err := os.Remove(s.pidFile(p)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
