package announce

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// link keeps the registry's picture of one VIP up to date. Each VIP has its
// own goroutine, so that one whose calls hang delays no other.
type link struct {
	*vip
	registry Registry
	options  *Options
	log      *slog.Logger
	pace     pace.Pace

	asked      bool // to register, perhaps with success
	registered bool
	beat       sent
	published  pace.Published
	backoff    pace.Backoff
	down       bool // the last step failed, and was logged
	stale      bool // the state is too old, which was logged

	publishing  pace.Backoff
	unpublished error // of the last try to publish
}

// sent is what the check was told last.
type sent struct {
	health pool.Health
	at     time.Time // zero: nothing yet
}

func newLink(a *Announcer, v *vip) *link {
	o := &a.options
	most := max(time.Second, o.TTL/3) // a Consul that comes back must hear of us before long
	return &link{
		vip: v, registry: a.registry, options: o,
		log:        o.Log.With("vip", v.Name, "id", v.id),
		pace:       pace.Pace{Every: o.Every, Step: loadStep, Refresh: refresh, Limits: o.Limits},
		backoff:    pace.Backoff{First: time.Second / 4, Most: most},
		publishing: pace.Backoff{First: time.Second, Most: max(time.Second, o.TTL)},
	}
}

func (l *link) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-l.changed:
			timer.Reset(l.step(ctx))
		case <-timer.C:
			timer.Reset(l.step(ctx))
		}
	}
	l.leave(context.WithoutCancel(ctx))
}

// news is what is to be told at one moment.
type news struct {
	health pool.Health
	reason string
	fact   pace.Fact
}

// step does what is due, and returns the time until something may be due again
// without a new state.
func (l *link) step(ctx context.Context) time.Duration {
	s, overloaded, set := l.now()
	if !l.fresh(set) {
		return l.options.TTL / 3
	}
	if wait := time.Until(l.backoff.Until()); wait > 0 {
		return wait
	}
	n := news{fact: s.fact(l.options, overloaded)}
	n.health, n.reason = s.health(overloaded, l.options.Limits)
	err := l.tell(ctx, n)
	if errors.Is(err, consul.ErrNotRegistered) {
		l.log.Info("consul does not know the VIP any more, registering again")
		l.registered = false
		err = l.tell(ctx, n)
	}
	if ctx.Err() != nil {
		return time.Hour // the call was cut short; run ends
	}
	l.noteContact(cmp.Or(err, l.unpublished))
	if err != nil {
		return l.backoff.Fail(time.Now(), l.options.Random())
	}
	l.backoff.Reset()
	return max(0, time.Until(l.beat.at.Add(l.options.TTL/3)))
}

// fresh tells whether the state may still be vouched for.
func (l *link) fresh(set time.Time) bool {
	if set.IsZero() {
		return false
	}
	stale := time.Since(set) > l.options.Stale
	if stale && !l.stale {
		l.log.Warn("nobody tells how the VIP is: it is left to its TTL", "for", time.Since(set).Round(time.Second))
		l.note(func(s *Status) { s.Err = "nobody tells how the VIP is: it is left to its TTL" })
	}
	l.stale = stale
	return !stale
}

// tell registers, beats and publishes, as far as each is due.
func (l *link) tell(ctx context.Context, n news) error {
	if n.health == pool.Critical && !l.published.At.IsZero() {
		n.fact.Weight = l.published.Fact.Weight // of no use now, and near to what it will be
	}
	back := l.registered && l.beat.health == pool.Critical && n.health != pool.Critical
	if !l.registered || back && n.fact.Weight != l.published.Fact.Weight {
		fact, _ := l.pace.Next(time.Now(), pace.Published{}, n.fact)
		if err := l.register(ctx, fact); err != nil {
			return err
		}
	}
	if l.beat.at.IsZero() || l.beat.health != n.health || time.Since(l.beat.at) >= l.options.TTL/3 {
		if err := l.sendBeat(ctx, n.health, n.reason); err != nil {
			return err
		}
	}
	l.publish(ctx, n.fact)
	return nil
}

// publish writes weight and Meta if that is due. Trouble with it alone must
// not keep the check from hearing of us, so it has a back-off of its own.
func (l *link) publish(ctx context.Context, f pace.Fact) {
	f, ok := l.pace.Next(time.Now(), l.published, f)
	if !ok || time.Now().Before(l.publishing.Until()) {
		return
	}
	if l.unpublished = l.register(ctx, f); l.unpublished != nil {
		l.publishing.Fail(time.Now(), l.options.Random())
		return
	}
	l.publishing.Reset()
}

// register writes all but the health. Of an instance that is there already the
// check keeps its state.
func (l *link) register(ctx context.Context, f pace.Fact) error {
	l.asked = true
	err := l.call(ctx, func(ctx context.Context) error {
		return l.registry.Register(ctx, l.registration(l.options, f))
	})
	if err != nil {
		return err
	}
	if !l.registered {
		l.registered, l.beat = true, sent{}
	}
	l.published = l.pace.Done(time.Now(), f, l.options.Random())
	l.note(func(s *Status) { s.Weight, s.At = f.Weight, time.Now() })
	return nil
}

func (l *link) sendBeat(ctx context.Context, h pool.Health, reason string) error {
	err := l.call(ctx, func(ctx context.Context) error { return l.registry.Beat(ctx, l.id, h, reason) })
	if err != nil {
		return err
	}
	if l.beat.health != h {
		l.log.Info("status", "from", l.beat.health, "to", h, "reason", reason, "weight", l.published.Fact.Weight)
	}
	l.beat = sent{h, time.Now()}
	l.note(func(s *Status) { s.Health, s.Reason, s.At = h, reason, time.Now() })
	return nil
}

// call bounds one call: a beat that takes longer than a third of the TTL
// would make the next one late.
func (l *link) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, max(time.Second, l.options.TTL/3))
	defer cancel()
	return f(ctx)
}

// leave says goodbye in the way that the options want. What fails is logged:
// the TTL says the same before long.
func (l *link) leave(ctx context.Context) {
	if !l.asked {
		return
	}
	var err error
	switch l.options.Leave(l.Name) {
	case LeaveRemove:
		err = l.call(ctx, func(ctx context.Context) error { return l.registry.Leave(ctx, l.id, false) })
	case LeaveCritical:
		err = l.sendBeat(ctx, pool.Critical, "the director stopped")
	}
	if err != nil {
		l.log.Warn("cannot leave consul, left to the TTL", "error", err)
	}
}

// noteContact logs when the registry goes and comes, once each.
func (l *link) noteContact(err error) {
	text := ""
	switch {
	case err == nil && l.down:
		l.log.Info("consul takes what the director says again")
	case err != nil:
		text = err.Error()
		if !l.down {
			l.log.Warn("consul does not take what the director says, trying again", "error", err)
		}
	}
	l.down = err != nil
	l.note(func(s *Status) { s.Err = text })
}
