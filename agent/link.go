package agent

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// link keeps Consul's picture of the server up to date. It is one goroutine's,
// apart from the sampling, so that a slow Consul delays no sample.
type link struct {
	*agent
	pace pace.Pace

	registered bool
	beat       sent
	published  pace.Published
	backoff    pace.Backoff
	down       bool // the last step failed, and was logged

	publishing  pace.Backoff
	unpublished error // of the last try to publish
}

// sent is what the TTL check was told last.
type sent struct {
	health pool.Health
	output string
	at     time.Time
}

// due tells whether the check must hear again: at once when the status or its
// reason changed, else three times in a TTL so that one lost beat is no outage.
func (b sent) due(now time.Time, r pool.Report, ttl time.Duration) bool {
	return b.at.IsZero() || b.health != r.Health || b.output != r.Reason || now.Sub(b.at) >= ttl/3
}

func newLink(a *agent) *link {
	return &link{
		agent: a,
		pace:  pace.Pace{Every: a.cfg.PublishEvery, Step: loadStep, Refresh: refresh, Limits: a.cfg.Limits},
		// A Consul that comes back must hear of us before long.
		backoff:    pace.Backoff{First: time.Second, Most: max(time.Second, a.cfg.Service.TTL/3)},
		publishing: pace.Backoff{First: time.Second, Most: max(time.Second, a.cfg.Service.TTL)},
	}
}

// loop tells Consul what it must know, when it must know it, until ctx ends.
func (l *link) loop(ctx context.Context) {
	if l.cfg.Registry == nil {
		<-ctx.Done()
		return
	}
	timer := time.NewTimer(time.Hour) // nothing to tell before the first sample
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		case <-timer.C:
		}
		if s := l.now.Load(); s != nil {
			timer.Reset(l.step(ctx, s))
		}
	}
}

// step does what is due and returns the time until something may be due again
// without a new state.
func (l *link) step(ctx context.Context, s *state) time.Duration {
	if wait := time.Until(l.backoff.Until()); wait > 0 {
		return wait
	}
	err := l.tell(ctx, s)
	if errors.Is(err, consul.ErrNotRegistered) && l.registered {
		// Consul forgot: its agent restarted, or somebody removed us.
		l.cfg.Log.Info("consul does not know the service any more, registering again", "service", l.cfg.Service.ID)
		l.registered = false
		err = l.tell(ctx, s)
	}
	if ctx.Err() != nil {
		return time.Hour // the call was cut short; loop ends
	}
	l.noteContact(cmp.Or(err, l.unpublished))
	if err != nil {
		return l.backoff.Fail(time.Now(), l.cfg.Random())
	}
	l.backoff.Reset()
	return max(0, time.Until(l.beat.at.Add(l.cfg.Service.TTL/3)))
}

// tell registers, beats and publishes, as far as each is due.
func (l *link) tell(ctx context.Context, s *state) error {
	if !l.registered {
		if err := l.register(ctx, s); err != nil {
			return err
		}
	}
	if l.beat.due(time.Now(), s.report, l.cfg.Service.TTL) {
		if err := l.sendBeat(ctx, s.report.Health, s.report.Reason); err != nil {
			return err
		}
	}
	return l.publish(ctx, s)
}

// publish sends the load if that is due. Trouble with it alone must not keep
// the check from hearing of us, so it has a back-off of its own.
func (l *link) publish(ctx context.Context, s *state) error {
	fact, ok := l.pace.Next(time.Now(), l.published, s.fact())
	if !ok || time.Now().Before(l.publishing.Until()) {
		return nil
	}
	l.unpublished = l.call(ctx, "publish", func(ctx context.Context) error {
		return l.cfg.Registry.Publish(ctx, l.cfg.Service.ID, meta(fact))
	})
	switch {
	case errors.Is(l.unpublished, consul.ErrNotRegistered):
		return l.unpublished
	case l.unpublished != nil:
		l.publishing.Fail(time.Now(), l.cfg.Random())
		return nil
	}
	l.publishing.Reset()
	l.published = l.pace.Done(time.Now(), fact, l.cfg.Random())
	return nil
}

// fact is what the state says of the server to Consul.
func (s *state) fact() pace.Fact {
	r := s.report
	return pace.Fact{Load: r.Load, Connections: r.Connections, Boot: r.Boot, Overloaded: s.alarm.On}
}

// meta is the fact as service metadata.
func meta(f pace.Fact) map[string]string {
	return pool.Report{Load: f.Load, Connections: f.Connections, Boot: f.Boot}.Meta()
}

// register makes the service known, with its first Meta, which is the
// immediate first publication.
func (l *link) register(ctx context.Context, s *state) error {
	fact, _ := l.pace.Next(time.Now(), pace.Published{}, s.fact())
	r := l.cfg.Service
	r.Meta = maps.Clone(r.Meta)
	if r.Meta == nil {
		r.Meta = map[string]string{}
	}
	maps.Copy(r.Meta, meta(fact))
	var err error
	if l.cfg.Decorate != "" {
		err = l.call(ctx, "decorate", func(ctx context.Context) error {
			return l.cfg.Registry.Decorate(ctx, l.cfg.Decorate, r)
		})
	} else {
		err = l.call(ctx, "register", func(ctx context.Context) error { return l.cfg.Registry.Register(ctx, r) })
	}
	if err != nil {
		return err
	}
	l.registered, l.beat = true, sent{}
	l.published = l.pace.Done(time.Now(), fact, l.cfg.Random())
	return nil
}

func (l *link) sendBeat(ctx context.Context, h pool.Health, output string) error {
	err := l.call(ctx, "beat", func(ctx context.Context) error {
		return l.cfg.Registry.Beat(ctx, l.cfg.Service.ID, h, output)
	})
	if err != nil {
		return err
	}
	if l.beat.health != h {
		l.cfg.Log.Info("status", "service", l.cfg.Service.ID, "from", l.beat.health, "to", h, "reason", output)
	}
	l.beat = sent{h, output, time.Now()}
	return nil
}

// call bounds one call: a beat that takes longer than a third of the TTL
// would make the next one late.
func (l *link) call(ctx context.Context, name string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, max(time.Second, l.cfg.Service.TTL/3))
	defer cancel()
	err := f(ctx)
	l.metrics.called(name, err)
	return err
}

// goodbye says critical, lets it be seen, and leaves. What fails is logged:
// the TTL will say the same before long.
func (l *link) goodbye(ctx context.Context) {
	tellConsul := l.cfg.Registry != nil && l.registered
	if tellConsul {
		// Also when a failed listener, not a signal, ends the agent.
		if err := l.sendBeat(context.WithoutCancel(ctx), pool.Critical, stopping); err != nil {
			l.cfg.Log.Warn("cannot say that the agent is stopping", "error", err)
		}
	}
	if tellConsul || l.cfg.Listen != "" || l.cfg.HAProxyListen != "" {
		select {
		case <-time.After(l.cfg.Drain):
		case <-ctx.Done():
		}
	}
	if !tellConsul || l.cfg.Leave != LeaveRemove {
		return
	}
	err := l.call(context.WithoutCancel(ctx), "leave", func(ctx context.Context) error {
		return l.cfg.Registry.Leave(ctx, l.cfg.Service.ID, l.cfg.Decorate != "")
	})
	if err != nil {
		l.cfg.Log.Warn("cannot leave consul", "service", l.cfg.Service.ID, "error", err)
	}
}

// noteContact logs when Consul goes and comes, once each.
func (l *link) noteContact(err error) {
	switch {
	case err == nil && l.down:
		l.cfg.Log.Info("consul is back", "service", l.cfg.Service.ID)
	case err != nil && !l.down:
		l.cfg.Log.Warn("consul does not take what the agent says, trying again", "error", err)
	}
	l.down = err != nil
	l.metrics.contact(err == nil)
}
