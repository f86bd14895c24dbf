package reports

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// loop is a Source while it runs: one goroutine that takes pools and outcomes,
// merges and publishes.
type loop struct {
	*Source
	publish  func(*pool.Pool)
	pools    chan *pool.Pool
	outcomes chan outcome
	slots    chan struct{}
	pollers  sync.WaitGroup

	members   map[string]*member
	inner     *pool.Pool // as the inner source said last
	published *pool.Pool
	at        time.Time // when it was published
	fresh     news      // since then
}

func newLoop(s *Source, publish func(*pool.Pool)) *loop {
	return &loop{
		Source: s, publish: publish,
		pools: make(chan *pool.Pool), outcomes: make(chan outcome), slots: make(chan struct{}, s.options.Limit),
		members: map[string]*member{},
	}
}

func (l *loop) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case p := <-l.pools:
			l.follow(ctx, p)
		case o := <-l.outcomes:
			l.take(o)
		case <-timer.C:
		}
		l.takeWaiting()
		l.flush(time.Now())
		timer.Reset(max(0, l.wait(time.Now())))
	}
}

// takeWaiting takes the outcomes that are there already, so that many changes
// make one pool and not one each.
func (l *loop) takeWaiting() {
	for range len(l.members) {
		select {
		case o := <-l.outcomes:
			l.take(o)
		default:
			return
		}
	}
}

func (l *loop) take(o outcome) {
	if o.member.gone {
		return
	}
	was := o.member.trouble
	l.fresh = max(l.fresh, o.member.take(o, l.options.hold()))
	l.count(o)
	if o.member.trouble != was {
		l.tell(l.members)
	}
}

// follow starts and ends pollers as servers come and go.
func (l *loop) follow(ctx context.Context, p *pool.Pool) {
	now := time.Now()
	old := l.members
	l.members = make(map[string]*member, len(p.Servers))
	for _, s := range p.Servers {
		m := old[s.ID]
		if m == nil || !m.same(s) {
			m = l.join(ctx, s)
		} else {
			delete(old, s.ID)
		}
		m.follow(s, now)
		l.members[s.ID] = m
	}
	for _, m := range old {
		m.gone = true
		m.cancel()
	}
	l.inner, l.fresh = p, urgent
	l.tell(l.members)
}

func (l *loop) join(ctx context.Context, s pool.Server) *member {
	m := &member{addrs: s.Addrs, nudge: make(chan struct{}, 1), alive: s.Health.Alive(), cancel: func() {}}
	if len(s.Addrs) == 0 {
		return m // no source hands over such; there is nobody to ask
	}
	ctx, m.cancel = context.WithCancel(ctx)
	poller := &poller{
		member: m, addrs: slices.Clone(s.Addrs), options: &l.options, asker: l.newAsker(), slots: l.slots, nudge: m.nudge,
		backoff: pace.Backoff{First: 2 * l.options.Interval, Most: max(maxBackoff, l.options.Interval)},
	}
	l.pollers.Go(func() { poller.run(ctx, l.outcomes) })
	return m
}

// merged is the inner source's pool with what the agents say.
func (l *loop) merged() *pool.Pool {
	p := *l.inner
	p.Servers = slices.Clone(p.Servers)
	for i := range p.Servers {
		p.Servers[i] = l.members[p.Servers[i].ID].merge(p.Servers[i], l.options.hold())
	}
	return &p
}

// flush publishes if there is news and it is time for it.
func (l *loop) flush(now time.Time) {
	if l.wait(now) > 0 {
		return
	}
	p := l.merged()
	changed := !p.Equal(l.published)
	l.fresh = nothing
	if !changed && now.Sub(l.at) < refresh {
		return
	}
	if !changed && !newer(p, l.published) {
		l.at = now // looked at, as good as published
		return
	}
	l.published, l.at = p, now
	l.publish(p)
}

// wait is the time until flush has something to do.
func (l *loop) wait(now time.Time) time.Duration {
	if l.inner == nil {
		return time.Hour
	}
	pause := refresh
	switch l.fresh {
	case urgent:
		return 0
	case loadOnly:
		pause = l.options.Interval
	}
	return l.at.Add(pause).Sub(now)
}

// newer tells whether a load of p was reported after the same server's in q.
// Both have the same servers.
func newer(p, q *pool.Pool) bool {
	for i := range p.Servers {
		if p.Servers[i].Load.At.After(q.Servers[i].Load.At) {
			return true
		}
	}
	return false
}
