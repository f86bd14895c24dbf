//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// Cmd is an exec.Cmd whose process runs in a namespace. It is ended with the
// lab, and with us, unless it was started by Detach.
type Cmd struct {
	*exec.Cmd
	node *Node
	once sync.Once
	err  error // of Wait
}

// Command is a program to be run in the namespace.
func (n *Node) Command(name string, args ...string) *Cmd {
	return n.command(exec.Command(name, args...))
}

// CommandContext is one that is killed when ctx ends.
func (n *Node) CommandContext(ctx context.Context, name string, args ...string) *Cmd {
	return n.command(exec.CommandContext(ctx, name, args...))
}

func (n *Node) command(c *exec.Cmd) *Cmd {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return &Cmd{Cmd: c, node: n}
}

// Start starts it.
func (c *Cmd) Start() error { return c.start(true) }

// Detach starts it in a session of its own, to outlive the lab and us. Nobody
// waits for it.
func (c *Cmd) Detach() (pid int, err error) {
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.start(false); err != nil {
		return 0, err
	}
	pid = c.Process.Pid // Release forgets it
	return pid, c.Process.Release()
}

// start starts it; with ours it ends with the lab.
func (c *Cmd) start(ours bool) error {
	l := c.node.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("start %s in %s: the lab is closed", c.Path, c.node.Name)
	}
	var err error
	l.threads.do(func() { err = c.node.Do(c.Cmd.Start) })
	if err != nil {
		return fmt.Errorf("start %s in %s: %w", c.Path, c.node.Name, err)
	}
	if ours {
		l.commands[c] = true
	}
	return nil
}

// Wait waits for the end. Any number may wait.
func (c *Cmd) Wait() error {
	c.once.Do(func() {
		c.err = c.Cmd.Wait()
		l := c.node.lab
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.commands, c)
	})
	return c.err
}

// Run starts it and waits.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs it and returns what it wrote to its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out, trouble bytes.Buffer
	c.Stdout = &out
	if c.Stderr == nil {
		c.Stderr = &trouble
	}
	err := c.Run()
	if text := bytes.TrimSpace(trouble.Bytes()); err != nil && len(text) > 0 {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return out.Bytes(), err
}

// CombinedOutput runs it and returns all that it wrote.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// Stop asks it to end with SIGTERM and waits; when ctx ends, it kills.
func (c *Cmd) Stop(ctx context.Context) error {
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, c.Wait())
	}
	defer context.AfterFunc(ctx, func() { _ = c.Process.Kill() })()
	return c.Wait()
}

// Kill ends it at once and waits.
func (c *Cmd) Kill() {
	_ = c.Process.Kill() // it may have ended
	_ = c.Wait()         // it was killed
}

func (l *Lab) killCommands() {
	l.mu.Lock()
	all := slices.Collect(maps.Keys(l.commands))
	l.mu.Unlock()
	for _, c := range all {
		c.Kill()
	}
}

// launcher starts all processes of a lab from one thread. A child gets its
// parent-death signal when the thread that started it ends (prctl(2)), and Go
// ends threads as it likes; this one lives as long as the lab.
type launcher struct {
	work chan func()
	done chan struct{}
}

func newLauncher() *launcher {
	l := &launcher{work: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range l.work {
			f()
		}
	}()
	return l
}

// do runs f on the thread and waits.
func (l *launcher) do(f func()) {
	ran := make(chan struct{})
	l.work <- func() { defer close(ran); f() }
	<-ran
}

func (l *launcher) stop() {
	close(l.work)
	<-l.done
}
