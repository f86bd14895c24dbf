//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/test/bench/figures"
	"github.com/ballast-lb/ballast/test/lab"
)

const (
	echoPort    = 80
	echoServers = 3
	struck      = 0 // the server that something happens to
	lossRate    = 100
	lossHold    = time.Second // how long connections stay open where that matters
	// Between two connections: one that waits to be accepted when a port is
	// closed is lost whatever is in between.
	lossMoment = 5 * time.Millisecond
	lossSlack  = 100 * time.Millisecond // for the event to happen
)

// event is something that happens to one server while connections are opened.
type event struct {
	name string
	// before prepares it, some time ahead of the connections.
	before func(p *pair) error
	strike func(ctx context.Context, p *pair) error
	hold   time.Duration
	later  bool          // only connections opened after it count
	limit  time.Duration // for the slowest; 0: none
	share  float64       // of the connections, for the server in its first second; 0: none
}

var events = []event{
	{name: "closes its port", strike: func(_ context.Context, p *pair) error { p.echoes[struck].Stop(); return nil },
		limit: 15 * time.Millisecond},
	{name: "falls silent", strike: func(_ context.Context, p *pair) error { return p.way.lab.Servers[struck].Silence() },
		limit: 1100 * time.Millisecond},
	{name: "is drained", strike: func(ctx context.Context, p *pair) error { return p.way.drain(ctx, struck) },
		hold: lossHold},
	{name: "returns", before: func(p *pair) error { p.echoes[struck].Stop(); return nil },
		strike: func(_ context.Context, p *pair) error { return p.echoes[struck].Start() },
		hold:   lossHold, later: true, share: 0.4},
}

// pair is a way with the test servers at its end.
type pair struct {
	way    *way
	echoes []*lab.Echo
}

// losses opens connections while something happens to one of three servers.
func (b *bench) losses(ctx context.Context, r *figures.Report) error {
	for _, e := range events {
		if err := b.event(ctx, e, r); err != nil {
			return fmt.Errorf("a server %s: %w", e.name, err)
		}
	}
	r.Notes = append(r.Notes, fmt.Sprintf("Losses: %d connections each second for %v, and after %v something happens to one of %d servers; "+
		"the times are until the server's first byte, of those that did not fail. Ballast and HAProxy check each server once a second; "+
		"HAProxy has retries 3 and redispatch. The three are measured at the same time. Connections are held open for %v where a server is drained or returns.",
		lossRate, b.lossFor, b.lossFor/3, echoServers, lossHold))
	return nil
}

// event measures all ways at the same time, which they hardly notice.
func (b *bench) event(ctx context.Context, e event, r *figures.Report) error {
	echoes := map[*lab.Lab][]*lab.Echo{}
	serve := func(l *lab.Lab) (func(), error) {
		stop := func() {
			for _, echo := range echoes[l] {
				echo.Close()
			}
		}
		for _, s := range l.Servers {
			echo, err := s.StartEcho(echoPort)
			if err != nil {
				stop()
				return nil, err
			}
			echoes[l] = append(echoes[l], echo)
		}
		return stop, nil
	}
	return b.withWays(ctx, []string{ballast, nftables, haproxy}, echoServers, []int{echoPort}, serve, func(ways []*way) error {
		b.say("a server %s", e.name)
		pairs := make([]*pair, len(ways))
		for i, w := range ways {
			pairs[i] = &pair{w, echoes[w.lab]}
		}
		reports, err := b.happens(ctx, e, pairs)
		for i, report := range reports {
			r.Rows = append(r.Rows, e.row(ways[i].name, report, b.lossFor/3))
		}
		return err
	})
}

// happens runs the event at each way.
func (b *bench) happens(ctx context.Context, e event, pairs []*pair) ([]lab.Report, error) {
	if e.before != nil {
		for _, p := range pairs {
			if err := e.before(p); err != nil {
				return nil, err
			}
		}
		if err := pause(ctx, b.settle); err != nil {
			return nil, err
		}
	}
	reports, errs := make([]lab.Report, len(pairs)), make([]error, len(pairs))
	var running sync.WaitGroup
	for i, p := range pairs {
		load := lab.Load{From: p.way.lab.Client, Addr: netip.AddrPortFrom(p.way.target, echoPort).String(),
			Rate: lossRate, For: b.lossFor, Hold: e.hold}
		running.Go(func() { reports[i] = load.Run(ctx) })
		running.Go(func() {
			if errs[i] = pause(ctx, b.lossFor/3+lossMoment); errs[i] == nil {
				errs[i] = e.strike(ctx, p)
			}
		})
	}
	running.Wait()
	return reports, errors.Join(append(errs, ctx.Err())...)
}

// row tells how connections fared when the event came at a time.
func (e event) row(way string, report lab.Report, at time.Duration) figures.Row {
	before := figures.Of(answered(report.Between(0, at-lossSlack))).Max
	if e.later {
		report = report.Between(at+lossSlack, time.Hour)
	}
	times := answered(report)
	failed, slowest := len(report.Failed()), figures.Of(times).Max
	row := figures.Row{
		Measure: "one of three servers " + e.name, Subject: way, Unit: "ms", Value: figures.Of(times),
		Note: fmt.Sprintf("%d of %d failed%s", failed, len(report), faults(report)),
	}
	goal := figures.Goal{Text: fmt.Sprintf("%d failed of at most 0", failed), Met: failed == 0}
	if e.limit > 0 {
		row.Against = fmt.Sprintf("slowest before it: %s ms", figures.Figure(before))
		limit := figures.AtMost("slowest", slowest, milliseconds(e.limit), "ms")
		goal = figures.Goal{Text: goal.Text + ", " + limit.Text, Met: goal.Met && limit.Met}
	}
	if e.share > 0 {
		limit := figures.AtMost("its share", firstSecond(report, fmt.Sprintf("s%d", struck+1)), e.share, "in its first second")
		goal = figures.Goal{Text: goal.Text + ", " + limit.Text, Met: goal.Met && limit.Met}
	}
	if way == ballast {
		row.Goal = &goal
	} else if e.share > 0 {
		row.Note += "; " + goal.Text
	}
	return row
}

// answered is how long connections took until the server had spoken, in
// milliseconds.
func answered(report lab.Report) (times []float64) {
	for _, a := range report {
		if a.Answered > 0 {
			times = append(times, milliseconds(a.Answered))
		}
	}
	return times
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// faults tells how connections failed, in parentheses.
func faults(report lab.Report) string {
	text := ""
	for _, f := range []lab.Fault{lab.Refused, lab.Reset, lab.TimedOut, lab.Unreached, lab.Closed, lab.OtherReason} {
		if n := report.Faults()[f]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, f)
		}
	}
	if text != "" {
		text = " (" + text[2:] + ")"
	}
	return text
}

// firstSecond is the share of connections that a server had in the second
// after its first one; 0 if it had none.
func firstSecond(report lab.Report, server string) float64 {
	for _, a := range report {
		if a.Server == server {
			part := report.Between(a.At, a.At+time.Second)
			return float64(part.Servers()[server]) / float64(len(part))
		}
	}
	return 0
}
