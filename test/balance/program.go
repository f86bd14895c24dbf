//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// program is a process in a namespace that has to run until it is stopped.
type program struct {
	name  string
	cmd   *lab.Cmd
	log   string
	asked atomic.Bool // to end
	ended chan struct{}
}

// spec says what to start.
type spec struct {
	name string
	node *lab.Node
	path string
	args []string
	env  []string // ours, if it is nil
}

// start starts a program; when it ends unasked, died is told. Its log is in dir.
func (p spec) start(dir string, died func(error)) (*program, error) {
	running := &program{name: p.name, log: filepath.Join(dir, p.name+".log"), ended: make(chan struct{})}
	log, err := os.Create(running.log)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", p.name, err)
	}
	defer log.Close() // the process has its own
	running.cmd = p.node.Command(p.path, p.args...)
	running.cmd.Env, running.cmd.Dir = p.env, dir
	running.cmd.Stdout, running.cmd.Stderr = log, log
	if err := running.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(running.ended)
		how := "exit status 0"
		if err := running.cmd.Wait(); err != nil {
			how = err.Error()
		}
		if !running.asked.Load() {
			died(fmt.Errorf("%s ended by itself (%s); the end of its log:\n%s", p.name, how, running.tail()))
		}
	}()
	return running, nil
}

// tail is the end of the program's log.
func (p *program) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// stopLimit is how long a program may take to end when asked.
const stopLimit = 5 * time.Second

// stop asks it to end, makes it end, and waits.
func (p *program) stop() {
	p.asked.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	_ = p.cmd.Stop(ctx) // by which signal it ended does not matter
	<-p.ended
}

// await polls until check is content.
func await(ctx context.Context, what string, check func(context.Context) error) error {
	const limit, poll = 30 * time.Second, 50 * time.Millisecond
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for deadline := time.Now().Add(limit); ; {
		tried, cancel := context.WithTimeout(ctx, time.Second)
		err := check(tried)
		cancel()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %s: %w", limit, what, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), fmt.Errorf("waiting: %s: %w", what, err))
		case <-ticker.C:
		}
	}
}
