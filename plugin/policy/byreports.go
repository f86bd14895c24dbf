package policy

import (
	"sync/atomic"
	"time"
)

// The policies of a Config that names none.
const (
	withReports    = "headroom"
	withoutReports = "weighted"
)

// reportsForgotten is how long after the last report that could be used the
// policy changes: until then it has ways of its own to do with old ones.
const reportsForgotten = 10 * time.Minute

// byReports is what draws where a Config names no policy: that which Next has
// settled on for the plan. What headroom remembers takes memory, so that it is
// made when the first server reports.
type byReports struct {
	weighted
	options Options
	made    atomic.Pointer[headroom] // nil until then
	kept    atomic.Pointer[Memory]   // for it to recall; nil for nothing
}

func newByReports(o Options) Policy { return &byReports{options: o} }

// Draw implements Policy.
func (b *byReports) Draw(p *Plan, q Query) Choice {
	if p.Config.Policy == withReports {
		return b.made.Load().Draw(p, q)
	}
	return b.weighted.Draw(p, q)
}

// Adopt implements Learner.
func (b *byReports) Adopt(p *Plan) {
	if p.Config.Policy != withReports {
		return
	}
	if b.made.Load() == nil {
		b.make(p.At)
	}
	b.made.Load().Adopt(p)
}

// make may be called twice at once, in a reload: what comes second is not needed.
func (b *byReports) make(now time.Time) {
	h := newHeadroom(b.options).(*headroom)
	if m := b.kept.Load(); m != nil {
		_ = h.Recall(*m, now) // it was tried when it was taken in
	}
	if !b.made.CompareAndSwap(nil, h) {
		h.Close()
	}
	b.kept.Store(nil) // what is made remembers it now
}

// Tick implements Learner.
func (b *byReports) Tick(now time.Time) {
	if h := b.made.Load(); h != nil {
		h.Tick(now)
	}
}

// Close implements Learner.
func (b *byReports) Close() {
	if h := b.made.Load(); h != nil {
		h.Close()
	}
}

// Explain implements Learner.
func (b *byReports) Explain(p *Plan, q Query) Insight {
	if h := b.made.Load(); h != nil {
		return h.Explain(p, q)
	}
	return Insight{Choice: b.weighted.Draw(p, q), Sampled: true, Bounds: p.Bounds}
}

// Hear implements Listener.
func (b *byReports) Hear(p *Plan, q Query, c Choice, servers int) {
	if h := b.made.Load(); h != nil && p.Config.Policy == withReports {
		h.Hear(p, q, c, servers)
	}
}

// Remember implements Rememberer.
func (b *byReports) Remember() (Memory, bool) {
	kept := b.kept.Load() // before made, which takes it over
	if h := b.made.Load(); h != nil {
		return h.Remember()
	}
	if kept != nil {
		return *kept, true
	}
	return Memory{}, false
}

// Recall implements Rememberer. What is kept is looked at now, and used when there
// are reports.
func (b *byReports) Recall(m Memory, now time.Time) error {
	trial := newHeadroom(Options{Limit: b.options.Limit}).(*headroom)
	if err := trial.Recall(m, now); err != nil {
		return err
	}
	b.kept.Store(&m)
	return nil
}

// Survey implements Learner.
func (b *byReports) Survey(now time.Time) Survey {
	if h := b.made.Load(); h != nil {
		return h.Survey(now)
	}
	return Survey{}
}

// settle names the policy of the moment: headroom as soon as a server reports
// its load.
func (m *moment) settle() {
	m.reported = m.prev.lastReported()
	if m.in.Pool != nil {
		for i := range m.in.Pool.Servers {
			if at := m.in.Pool.Servers[i].Load.At; at.After(m.reported) {
				m.reported = at
			}
		}
	}
	name := m.cfg.Policy
	if name == "" {
		name = withoutReports
		if !m.reported.IsZero() && m.in.Now.Sub(m.reported) < reportsForgotten {
			name, m.forgets = withReports, m.reported.Add(reportsForgotten)
		}
	}
	m.cfg = m.cfg.settled(name).clamped()
}
