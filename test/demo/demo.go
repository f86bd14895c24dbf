package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/internal/control"
)

// demo is the whole of it.
type demo struct {
	settings settings
	display  *display
	quit     func() // ends Run

	tally   tally
	journal *journal
	cast    *cast
	status  control.Status // the last that was told
}

// Run starts everything, shows it until ctx ends, and ends what it started.
// The error says what could not be started, or that coredns died.
func (d *demo) Run(ctx context.Context) error {
	s := &d.settings
	if err := errors.Join(s.check(), s.checkFree()); err != nil {
		return err
	}
	if err := os.MkdirAll(s.run, 0o755); err != nil {
		return fmt.Errorf("folder of the logs: %w", err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	d.journal = newJournal()
	d.cast = d.newCast(fail)
	l, err := listen(s.controls, "the demo's controls")
	if err != nil {
		return err
	}
	defer l.Close()
	d.display.say("starting; logs are in " + s.run)
	defer d.farewell()
	if err := d.start(ctx); err != nil {
		return d.verdict(ctx, err)
	}
	return d.verdict(ctx, d.play(ctx, l))
}

// verdict is how Run ends: well, if it was asked to.
func (d *demo) verdict(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// newCast makes the servers and programs; nothing runs yet.
func (d *demo) newCast(fail func(error)) *cast {
	s := &d.settings
	c := &cast{coredns: newProgram(s, "coredns", s.program("coredns"), "-conf", s.corefile)}
	c.coredns.env = []string{"BALLAST_CONTROL=" + s.socket}
	c.coredns.died = fail
	share := func(a netip.Addr) float64 { return d.tally.counts().share(a) }
	for _, server := range servers() {
		c.webs = append(c.webs, &web{spec: server, address: s.web(server), share: share})
	}
	if s.consul == "" {
		return c
	}
	died := func(err error) { d.journal.happen(err.Error()) }
	c.consul = newConsul(s)
	c.consul.died = died
	for _, w := range c.webs {
		agent := newAgent(s, w)
		agent.died = died
		c.agents = append(c.agents, agent)
	}
	return c
}

// start starts all, what others need first.
func (d *demo) start(ctx context.Context) error {
	for _, w := range d.cast.webs {
		if err := w.start(); err != nil {
			return err
		}
	}
	if d.cast.consul != nil {
		if err := d.startConsul(ctx); err != nil {
			return err
		}
	}
	if err := d.cast.coredns.start(); err != nil {
		return err
	}
	r := d.resolver()
	return d.wait(ctx, d.cast.coredns, func(ctx context.Context) error {
		a, err := r.ask(ctx)
		switch {
		case err != nil:
			return err
		case len(a.addrs) == 0:
			return fmt.Errorf("no addresses for %s yet", r.name)
		}
		d.tally.add(a, time.Now())
		return nil
	})
}

func (d *demo) resolver() *resolver {
	return &resolver{server: d.settings.dns, name: d.settings.name, tally: &d.tally}
}

// play runs what runs until the end.
func (d *demo) play(ctx context.Context, l net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.resolver().Run(ctx) })
	group.Go(func() error {
		return (&controls{d.cast, d.settings.controls, d.journal.happen}).Run(ctx, l)
	})
	group.Go(func() error { return d.watch(ctx) })
	return group.Wait()
}

// watch looks each second, and when something happened.
func (d *demo) watch(ctx context.Context) error {
	close, err := d.display.open(keymap(d.cast, d.quit), d.journal.happen, d.hints())
	if err != nil {
		return err
	}
	defer close()
	client := control.Dial(d.settings.socket)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		status, err := client.Status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			d.status = status
		}
		fresh, last := d.journal.take()
		d.display.show(look(time.Now(), d.status, err, d.settings.name, d.cast, d.tally.counts()), fresh, last)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-d.journal.wake:
		}
	}
}

func (d *demo) farewell() {
	d.display.say("ending what was started ...")
	d.cast.end()
	d.display.say("ended")
}
