package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/internal/freeport"
)

// process is a running name server.
type process struct {
	name  string
	addr  string // host:port
	log   string // file
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone
}

// startProcess starts a name server for zones, with what it needs below dir.
// Whoever calls it ends it with stop; so does the end of ctx.
func startProcess(ctx context.Context, k *kind, dir string, zones []placed) (*process, error) {
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	own := filepath.Join(dir, k.name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return nil, err
	}
	conf := filepath.Join(own, "conf")
	if err := os.WriteFile(conf, []byte(k.conf(own, port, zones)), 0o600); err != nil {
		return nil, err
	}
	p := &process{name: k.name, addr: fmt.Sprintf("127.0.0.1:%d", port), log: filepath.Join(own, "log"), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, k.program, append(slices.Clip(k.args), conf)...)
	p.cmd.Dir, p.cmd.SysProcAttr = own, dieWithParent()
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	return p, p.start()
}

func (p *process) start() error {
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait() // how it ended does not matter; that it did is found out by asking
	}()
	return nil
}

// tail is the end of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// stop ends the process and waits until it is gone.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it is gone already
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.ended
	}
}
