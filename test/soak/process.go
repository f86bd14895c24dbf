package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// process is coredns, in its lives.
type process struct {
	binary, dir, corefile string
	addr                  string // host:port of DNS

	mu    sync.Mutex
	life  *life // nil while it does not run
	lives int
	log   *logCounter
}

// life is one run of the program.
type life struct {
	cmd   *exec.Cmd
	ended chan struct{}
	asked atomic.Bool // to end
}

// startLimit is how long a start may take until there is an answer.
const startLimit = 20 * time.Second

// start starts the program and waits until it answers.
func (p *process) start(ctx context.Context) error {
	l := &life{ended: make(chan struct{})}
	l.cmd = exec.Command(p.binary, "-conf", p.corefile)
	l.cmd.Dir = p.dir
	l.cmd.Stdout, l.cmd.Stderr = p.log, p.log
	l.cmd.SysProcAttr = dieWithParent()
	if err := l.run(); err != nil {
		return fmt.Errorf("start %s: %w", p.binary, err)
	}
	p.mu.Lock()
	p.life = l
	p.lives++
	p.mu.Unlock()
	if err := p.await(ctx, l); err != nil {
		return fmt.Errorf("coredns: %w; the end of its log:\n%s", err, p.log.tail())
	}
	return nil
}

// run starts the program from a thread of its own, with which the kernel ends it.
func (l *life) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(l.ended)
		err := l.cmd.Start()
		started <- err
		if err == nil {
			l.cmd.Wait() // how it ended is asked of its state
		}
	}()
	return <-started
}

// await asks until there is an answer.
func (p *process) await(ctx context.Context, l *life) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	m := new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)
	for {
		_, _, err := (&dns.Client{Timeout: 200 * time.Millisecond}).ExchangeContext(ctx, m, p.addr)
		if err == nil {
			return nil
		}
		select {
		case <-l.ended:
			return fmt.Errorf("ended at once: %v", l.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("does not answer on %s: %w", p.addr, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *process) current() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

// pid is the process's ID, 0 while there is none.
func (p *process) pid() int {
	if l := p.current(); l != nil {
		return l.cmd.Process.Pid
	}
	return 0
}

// died is closed when the present life ends.
func (p *process) died() (ended <-chan struct{}, asked *atomic.Bool) {
	if l := p.current(); l != nil {
		return l.ended, &l.asked
	}
	return nil, nil
}

func (p *process) signal(s syscall.Signal) error {
	l := p.current()
	if l == nil {
		return errors.New("coredns does not run")
	}
	if s == syscall.SIGTERM || s == syscall.SIGKILL {
		l.asked.Store(true)
	}
	return l.cmd.Process.Signal(s)
}

// wait waits until the program has ended, and tells how.
func (p *process) wait(limit time.Duration) (*os.ProcessState, error) {
	l := p.current()
	if l == nil {
		return nil, errors.New("coredns does not run")
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
		l.cmd.Process.Kill()
		<-l.ended
		return nil, fmt.Errorf("coredns did not end within %v", limit)
	}
	p.mu.Lock()
	p.life = nil
	p.mu.Unlock()
	return l.cmd.ProcessState, nil
}

// remove ends the program in whatever state it is.
func (p *process) remove() {
	if l := p.current(); l != nil {
		l.asked.Store(true)
		l.cmd.Process.Kill()
		<-l.ended
	}
	p.log.close()
}
