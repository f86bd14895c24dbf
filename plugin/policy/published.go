package policy

import (
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// published is what the policies of the literature have in common: they go by
// each key's hidden load, give one server after another, and remember little.
type published struct {
	pick pick
	ttl  *stretch // nil for the plan's own TTL
	keys *hidden.Store

	mu      sync.Mutex // of what follows; taken after a key's, never before
	plan    *Plan
	unit    float64 // of ttl
	roster  roster
	counted time.Time          // when the last census was taken
	taken   [MaxAnswers]uint16 // of the answer in the making; here lest it be allocated
}

// pick chooses one member of a family for a key. It is called under the
// policy's lock, and n times for an answer of n members: skip has those that
// are taken.
type pick interface {
	next(p *Plan, t *table, k subject, skip []uint16) (member uint16)
	adopt(p *Plan)
	tick(now time.Time)
	forget(slot int)
	remember() (undo func()) // for an explanation, which must change nothing
}

// stateless is a pick that remembers nothing of servers and times.
type stateless struct{}

func (stateless) adopt(*Plan)      {}
func (stateless) tick(time.Time)   {}
func (stateless) forget(int)       {}
func (stateless) remember() func() { return func() {} }

// subject is the key that an answer is for.
type subject struct {
	rate   float64 // sessions a second; 0 if unknown
	weight float64 // hidden load, 0..1
	hot    bool    // heavier than the mean
	now    time.Time
	random uint64
}

// least is the member that costs least, of those that are not taken; the first
// of several.
func (t *table) least(skip []uint16, cost func(m uint16) float64) (best uint16, least float64) {
	found := false
	for _, m := range t.members {
		if slices.Contains(skip, m) {
			continue
		}
		if c := cost(m); !found || c < least {
			best, least, found = m, c, true
		}
	}
	return best, least
}

// bears is a member's capacity; 1 if it has none and is served all the same, as
// those are that the operator weighed 0 when there is nobody else.
func (mb *Member) bears() float64 {
	if mb.Factors.Capacity > 0 {
		return mb.Factors.Capacity
	}
	return 1
}

// strangerWeight is the hidden load that a key is thought to have of which nothing
// is known: with none, all strangers would go to the same server.
const strangerWeight = 0.01

func newPublished(o Options, p pick, ttl *stretch) *published {
	return &published{pick: p, ttl: ttl, keys: o.keys()}
}

// Draw picks the members of an answer one after another.
func (pb *published) Draw(p *Plan, q Query) Choice {
	if q.Family >= SRV || p.view == nil || p.Size(q.Family) == 0 {
		return weighted{}.Draw(p, q)
	}
	key, ok := hidden.KeyOf(q.Key, uint8(q.Family))
	if !ok {
		return pb.answer(p, q, subject{weight: strangerWeight, now: q.Now, random: q.Random})
	}
	now := q.Now.UnixNano()
	sh, r := pb.keys.Ask(key, now)
	k := subject{weight: strangerWeight, now: q.Now, random: q.Random}
	if r != nil && r.Rate() > 0 {
		c := pb.keys.Census()
		k.rate = r.Rate()
		k.weight, k.hot = c.Weight(k.rate), c.Hot(k.rate)
	}
	c := pb.answer(p, q, k)
	if r != nil {
		r.TTL = float32(c.TTL.Seconds())
	}
	pb.keys.Release(sh, r, key, now, c.TTL.Seconds())
	c.Keyed, c.Scope = true, q.Key.Bits()
	return c
}

func (pb *published) answer(p *Plan, q Query, k subject) Choice {
	pb.mu.Lock()
	defer pb.mu.Unlock()
	return pb.gather(p, q, k)
}

// gather picks the members of an answer. The caller holds mu.
func (pb *published) gather(p *Plan, q Query, k subject) (c Choice) {
	t := &p.tables[q.Family]
	var ttl time.Duration
	for c.N < t.n {
		m := pb.pick.next(p, t, k, pb.taken[:c.N])
		c.Members[c.N], pb.taken[c.N] = m, m
		c.N++
		ttl += pb.ttlOf(p, k, m)
	}
	c.TTL = (ttl / time.Duration(c.N)).Truncate(time.Second)
	if q.Stable {
		slices.Sort(c.Members[:c.N])
	}
	return c
}

func (pb *published) ttlOf(p *Plan, k subject, m uint16) time.Duration {
	if pb.ttl == nil {
		return p.TTL
	}
	return pb.ttl.ttl(p, pb.keys.Census(), pb.unit, m, k.rate)
}

// Adopt implements Learner.
func (pb *published) Adopt(p *Plan) {
	pb.mu.Lock()
	p.view = pb.roster.view(p, pb.pick.forget)
	pb.plan = p
	pb.pick.adopt(p)
	pb.mu.Unlock()
	pb.fit(p)
}

// Tick implements Learner.
func (pb *published) Tick(now time.Time) {
	pb.mu.Lock()
	p, due := pb.plan, now.Sub(pb.counted) >= time.Second+time.Duration(pb.keys.Len())*countPerKey || now.Before(pb.counted)
	if p != nil {
		pb.pick.tick(now)
		if due {
			pb.counted = now
		}
	}
	pb.mu.Unlock()
	if p == nil || !due || !kinds[p.Config.Policy].keyed {
		return
	}
	pb.keys.Take(now.UnixNano(), p.Config.MeanTTL.Seconds(), demand(p, now))
	pb.fit(p)
}

// Explain implements Learner.
func (pb *published) Explain(p *Plan, q Query) Insight {
	if q.Family >= SRV || p.view == nil || p.Size(q.Family) == 0 {
		return Insight{Choice: weighted{}.Draw(p, q), Sampled: true, Bounds: p.Bounds}
	}
	hid, r := hiddenOf(pb.keys, p, q, q.Now.UnixNano())
	k := subject{weight: strangerWeight, now: q.Now, random: q.Random}
	if r.Rate() > 0 {
		k.rate, k.weight, k.hot = r.Rate(), hid.Weight, pb.keys.Census().Hot(r.Rate())
	}
	pb.mu.Lock()
	undo := pb.pick.remember()
	in := Insight{Hidden: hid, Choice: pb.gather(p, q, k), Bounds: p.Bounds}
	undo()
	pb.mu.Unlock()
	if pb.ttl != nil {
		in.Bounds = append([]Bound{{Name: p.Config.Policy, TTL: in.Choice.TTL, Why: "by the key's hidden load, and the server's capacity"}}, p.Bounds...)
	}
	return in
}

// Survey implements Learner.
func (pb *published) Survey(time.Time) (s Survey) {
	c := pb.keys.Census()
	s.Keys = pb.keys.Len()
	if c.Affordable > 0 {
		s.Queries = c.Questions / c.Affordable
	}
	return s
}

// Close implements Learner.
func (pb *published) Close() { pb.keys.Close() }

// demand is what the servers say that they have to do, in units of capacity; 0
// unless all that are in have told lately.
func demand(p *Plan, now time.Time) (sum float64) {
	for i := range p.Members {
		m := &p.Members[i]
		load, known := loadOf(m.Server)
		if m.In && (!known || m.Server.Load.Age(now) > reportFresh) {
			return 0
		}
		sum += load * m.Factors.Capacity
	}
	return sum
}

// fit finds the unit of TTLs. It looks at all keys, and so must not hold the
// lock, which draws take while they hold a key's.
func (pb *published) fit(p *Plan) {
	if pb.ttl == nil {
		return
	}
	unit := pb.ttl.unit(p, pb.keys)
	pb.mu.Lock()
	pb.unit = unit
	pb.mu.Unlock()
}
