//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// A way is how connections come from the client to real servers. Each has a
// lab of its own, so that what one leaves in its host is in no other's way.
type way struct {
	name   string
	lab    *lab.Lab
	target netip.Addr // what clients connect to
	// forget, if not nil, makes the host forget the connections of before.
	forget func() error
	// drain, if not nil, takes a server out as an operator would.
	drain func(ctx context.Context, server int) error
	said  said // by its program
	pid   int  // of that, or 0
}

// The ways by name, in the order in which they are reported.
const (
	plain    = "plain routing"
	ballast  = "ballast"
	nftables = "nftables"
	haproxy  = "HAProxy"
)

// opening makes a way through a new lab.
type opening struct {
	name string
	open func(b *bench, ctx context.Context, w *way, ports []int) error
}

var openings = []opening{
	{plain, (*bench).openPlain},
	{ballast, (*bench).openBallast},
	{nftables, (*bench).openNftables},
	{haproxy, (*bench).openHAProxy},
}

// errMissing is a way that cannot be taken on this machine.
var errMissing = errors.New("not installed")

// withWays opens the ways of those names to servers that listen already, as
// serve makes them do, for f. Those that are not installed are left out.
func (b *bench) withWays(ctx context.Context, names []string, servers int, ports []int,
	serve func(*lab.Lab) (stop func(), err error), f func([]*way) error) (err error) {
	var all []*way
	defer func() {
		for _, w := range all {
			err = errors.Join(err, w.lab.Close())
		}
	}()
	for i, name := range names {
		l, err := lab.New(lab.Options{Prefix: fmt.Sprintf("bench%d-%d-", os.Getpid(), i), Servers: servers})
		if err != nil {
			return err
		}
		w := &way{name: name, lab: l, target: l.VIP(0)}
		all = append(all, w)
		stop, err := serve(l)
		if err != nil {
			return err
		}
		defer stop()
	}
	var open []*way
	for _, w := range all {
		err := b.open(ctx, w, ports)
		if errors.Is(err, errMissing) {
			b.say("%s is left out: %v", w.name, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		open = append(open, w)
	}
	return f(open)
}

func (b *bench) open(ctx context.Context, w *way, ports []int) error {
	// A lost SYN must not stop a thread for two minutes.
	if err := w.lab.Client.Sysctl("net.ipv4.tcp_syn_retries", "2"); err != nil {
		return err
	}
	for _, o := range openings {
		if o.name == w.name {
			if err := o.open(b, ctx, w, ports); err != nil {
				return err
			}
		}
	}
	return w.wait(ctx, ports)
}

// wait waits until connections arrive.
func (w *way) wait(ctx context.Context, ports []int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("nothing answers after 20 s"))
	defer cancel()
	for _, port := range ports {
		address := netip.AddrPortFrom(w.target, uint16(port)).String()
		for {
			conn, err := w.lab.Client.Dial(ctx, "tcp", address)
			if err == nil {
				_ = conn.Close() // it was only tried
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("connect to %s: %w: %w\n%s", address, context.Cause(ctx), err, &w.said)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// start starts a program that ends with the lab.
func (w *way) start(cmd *lab.Cmd) error {
	cmd.Stdout, cmd.Stderr = &w.said, &w.said
	if err := cmd.Start(); err != nil {
		return err
	}
	w.pid = cmd.Process.Pid
	return nil
}

func (b *bench) openPlain(_ context.Context, w *way, _ []int) error {
	w.target = w.lab.Servers[0].Addr
	return nil
}

// addresses of all servers of a lab.
func addresses(l *lab.Lab) (all []netip.Addr) {
	for _, s := range l.Servers {
		all = append(all, s.Addr)
	}
	return all
}

// joined joins values, each as format writes it.
func joined[T any](values []T, format, by string) string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf(format, v))
	}
	return strings.Join(all, by)
}

func installed(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is %w", program, errMissing)
	}
	return path, nil
}
