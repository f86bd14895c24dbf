// Package agent speaks for one real server: it samples the server's load,
// smooths it, and publishes it on three channels of three speeds. The status
// of a TTL check in Consul changes at once; quantised load, connections and
// boot id go to the service's Meta seldom; and an HTTP report and a HAProxy
// agent-check answer whoever wants to know more often than that.
package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// firstSample is how long after the start the first sample is taken: shares of
// CPU time need two readings.
const firstSample = 500 * time.Millisecond

// stopping is the reason of a server whose agent was told to stop.
const stopping = "agent is stopping"

// state is what the agent knows at one moment. It is never written to again
// after it was stored.
type state struct {
	report pool.Report
	alarm  pace.Alarm
}

type agent struct {
	cfg     Config
	metrics *metrics
	now     atomic.Pointer[state] // nil before the first sample
	verdict atomic.Pointer[verdict]
	changed chan struct{} // holds one token while a new state waits for the link
}

// Run speaks for the server until ctx ends. Then it says critical, waits for
// Config.Drain so that watchers can turn away, leaves as Config.Leave says,
// and returns nil. Trouble with Consul does not end it; a listener that cannot
// be opened does, as does a machine on which nothing can be measured.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.complete(); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	a := &agent{cfg: cfg, metrics: newMetrics(cfg), changed: make(chan struct{}, 1)}
	listeners, err := a.listen(ctx)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	// The listeners outlive ctx: while the agent leaves, they say so.
	outer, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	serving, outer := errgroup.WithContext(outer)
	for _, l := range listeners {
		serving.Go(func() error { return l.serve(outer, l.Listener) })
	}
	serving.Go(func() error {
		defer stop()
		return a.follow(ctx, outer)
	})
	if err := serving.Wait(); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// follow runs the loops until ctx, or the outer context that ends when a
// listener fails, is done; then it leaves.
func (a *agent) follow(ctx, outer context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(outer, cancel)()
	link := newLink(a)
	loops, ctx := errgroup.WithContext(ctx)
	loops.Go(func() error { return a.sampleLoop(ctx) })
	loops.Go(func() error { link.loop(ctx); return nil })
	if a.cfg.Check != nil {
		loops.Go(func() error { a.checkLoop(ctx); return nil })
	}
	err := loops.Wait()
	a.leave(outer, link)
	return err
}

// leave tells every channel that the server is going, and goes.
func (a *agent) leave(ctx context.Context, link *link) {
	if a.cfg.Leave == LeaveKeep {
		return
	}
	last := state{}
	if s := a.now.Load(); s != nil {
		last = *s
	}
	last.report.Health, last.report.Reason = pool.Critical, stopping
	a.now.Store(&last)
	a.metrics.observe(&last)
	link.goodbye(ctx)
}

// sampleLoop measures every Interval.
func (a *agent) sampleLoop(ctx context.Context) error {
	// Prime the counters of which shares of time are the difference.
	a.cfg.Sampler.Sample(ctx, time.Now())
	smoothing := &Smoothing{
		TimeConstant: a.cfg.TimeConstant, MaxConnections: a.cfg.MaxConnections, HoldApplication: 4 * a.cfg.Interval,
	}
	log := newSampleLog(a.cfg.Log)
	timer := time.NewTimer(min(firstSample, a.cfg.Interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		began := time.Now()
		sample, troubles := a.cfg.Sampler.Sample(ctx, began)
		if ctx.Err() != nil {
			return nil // what a cancelled sample says is no measurement
		}
		log.tell(troubles)
		a.metrics.sampled(troubles)
		value, samples, ok := smoothing.Add(began, sample)
		if !ok && a.now.Load() == nil {
			return errors.Join(errors.New("nothing can be measured here: give the application's own load"), troubles.Err())
		}
		connections := 0
		if sample.Connections != nil {
			connections = *sample.Connections
		}
		a.advance(pool.Report{Load: value, Connections: connections, Samples: samples}, ok)
		timer.Reset(max(0, a.cfg.Interval-time.Since(began)))
	}
}

// advance makes the new measurements the agent's state and tells the link.
// Without any, the last load stands.
func (a *agent) advance(r pool.Report, measured bool) {
	s := &state{report: r}
	if last := a.now.Load(); last != nil {
		s.report.Seq, s.alarm = last.report.Seq, last.alarm
		if !measured {
			s.report.Load = last.report.Load
		}
	}
	s.report.Seq++
	s.report.Boot = a.cfg.Boot()
	s.alarm = s.alarm.Next(a.cfg.Limits, s.report.Load)
	s.report.Health, s.report.Reason = judge(condition{
		drained:    exists(a.cfg.DrainFile),
		failing:    a.failing(),
		overloaded: s.alarm.On,
	}, a.cfg.Limits)
	a.now.Store(s)
	a.metrics.observe(s)
	select {
	case a.changed <- struct{}{}:
	default: // the link has not yet looked at the state before
	}
}

// listener is a socket and what answers on it until ctx ends.
type listener struct {
	net.Listener
	serve func(context.Context, net.Listener) error
}
