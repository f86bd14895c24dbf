package policy

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/belief"
)

// mrl is the minimum residual load (Colajanni, Yu and Dias, 1998), in our
// reading: the server that has the least work left for its capacity, from the
// sessions that are open and from the answers that caches still hold, including
// the one to be given.
type mrl struct {
	belief *belief.Belief
	plan   *Plan
	dry    bool // nobody is told
}

func newMRL(o Options) Policy {
	return newPublished(o, &mrl{belief: belief.New(DefaultSession, time.Hour)}, nil)
}

func (r *mrl) next(p *Plan, t *table, k subject, skip []uint16) uint16 {
	now, part := k.now.UnixNano(), k.weight/float64(t.n)
	best, _ := t.least(skip, func(m uint16) float64 {
		slot := p.view.slots[m]
		work := r.belief.Load(int(slot))*p.Config.Session.Seconds() + r.belief.Residual(slot, now) + part*p.TTL.Seconds()
		return work / p.Members[m].bears()
	})
	if !r.dry {
		r.belief.Tell(p.view.slots[best], belief.Of(part), now+int64(p.TTL), now)
	}
	return best
}

func (r *mrl) adopt(p *Plan) {
	r.belief.Fit(len(p.view.shares), p.Config.TTL)
	r.belief.Stay(p.Config.Session)
	if !r.belief.Started() {
		r.belief.Settle(p.view.shares, p.At.UnixNano(), 0)
	}
	r.plan = p
}

func (r *mrl) remember() func() {
	r.dry = true
	return func() { r.dry = false }
}

func (r *mrl) forget(slot int) { r.belief.Forget(slot) }

func (r *mrl) tick(now time.Time) { r.belief.Advance(r.plan.view.shares, now.UnixNano()) }
