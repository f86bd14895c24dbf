package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/child"
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
	*child.Process
	asked atomic.Bool // to end
}

// startLimit is how long a start may take until there is an answer.
const startLimit = 20 * time.Second

// start starts the program and waits until it answers.
func (p *process) start(ctx context.Context) error {
	cmd := exec.Command(p.binary, "-conf", p.corefile)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, p.log, p.log
	started, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.binary, err)
	}
	l := &life{Process: started}
	p.mu.Lock()
	p.life = l
	p.lives++
	p.mu.Unlock()
	if err := p.await(ctx, l); err != nil {
		return fmt.Errorf("coredns: %w; the end of its log:\n%s", err, p.log.tail())
	}
	return nil
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
		case <-l.Ended():
			return fmt.Errorf("ended at once: %v", l.State())
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

func (p *process) signal(s syscall.Signal) error {
	l := p.current()
	if l == nil {
		return errors.New("coredns does not run")
	}
	if s == syscall.SIGTERM || s == syscall.SIGKILL {
		l.asked.Store(true)
	}
	return l.Signal(s)
}

// wait waits until the program has ended, and tells how.
func (p *process) wait(limit time.Duration) (*os.ProcessState, error) {
	l := p.current()
	if l == nil {
		return nil, errors.New("coredns does not run")
	}
	select {
	case <-l.Ended():
	case <-time.After(limit):
		l.Kill()
		return nil, fmt.Errorf("coredns did not end within %v", limit)
	}
	p.mu.Lock()
	p.life = nil
	p.mu.Unlock()
	return l.State(), nil
}

// remove ends the program in whatever state it is.
func (p *process) remove() {
	if l := p.current(); l != nil {
		l.asked.Store(true)
		l.Kill()
	}
	p.log.close()
}
