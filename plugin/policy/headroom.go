package policy

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/belief"
	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// headroom answers each resolver key with the servers that can bear its hidden
// load longest, and that time is the TTL. See the package comment.
type headroom struct {
	keys   *hidden.Store
	belief *belief.Belief
	asked  atomic.Int64 // when the last question came, to the second; in nanoseconds

	mu       sync.Mutex // of what follows: Adopt and Tick
	plan     *Plan
	roster   roster
	grid     []float64 // TTLs that answers may have, in seconds
	capacity []capacity
	recalled map[string]float64 // of an earlier process's capacities, by server ID
	faded    []float64          // of each server's report, 0..1
	servo    servo
	observer observer
	ticked   time.Time
	counted  time.Time
}

// What a record remembers of an answer is all of it.
var _ [hidden.MaxServers]struct{} = [MaxAnswers]struct{}{}

func newHeadroom(o Options) Policy {
	return &headroom{keys: o.keys(), belief: belief.New(DefaultSession, time.Hour), servo: newServo(), observer: newObserver()}
}

// Draw gives the key its servers. Keys that are not known one by one share
// what the others leave: they are drawn by weight.
func (h *headroom) Draw(p *Plan, q Query) Choice {
	t := h.belief.Table()
	if !h.draws(p, t, q) {
		return weighted{}.Draw(p, q)
	}
	key, _ := hidden.KeyOf(q.Key, uint8(q.Family))
	now := q.Now.UnixNano()
	h.note(now)
	sh, r := h.keys.Ask(key, now)
	c := Choice{}
	switch {
	case r == nil || !h.keys.Census().Trusts(r):
		c = weighted{}.Draw(p, q)
		c.TTL = h.strangersTTL(p, t, now)
		if r != nil { // known, but not trusted
			h.withdraw(r, now)
			r.TTL = float32(c.TTL.Seconds())
		}
	case r.Last != now && p.again(&c, q, r):
	default:
		h.choose(p, t, q, r, now, &c)
	}
	h.keys.Release(sh, r, key, now, c.TTL.Seconds())
	c.Keyed, c.Scope = true, q.Key.Bits()
	return c
}

// draws tells whether the query can be answered by its key.
func (h *headroom) draws(p *Plan, t *belief.Table, q Query) bool {
	return q.Key.IsValid() && q.Key.Bits() > 0 && q.Family < SRV && p.Size(q.Family) > 0 &&
		p.view != nil && t.Slots() >= len(p.view.members)
}

// strangersTTL is that of keys that are not known one by one.
func (h *headroom) strangersTTL(p *Plan, t *belief.Table, now int64) time.Duration {
	ttl := p.Config.MeanTTL.Seconds()
	if now < t.Settled {
		ttl = p.startTTL()
	}
	return p.most(quantised(t.Grid, ttl))
}

// again repeats the answer that the key got a moment ago, if all of it is known
// and in.
func (p *Plan) again(c *Choice, q Query, r *hidden.Record) bool {
	if int(r.Held.N) != p.tables[q.Family].n {
		return false
	}
	for _, slot := range r.Held.Servers[:r.Held.N] {
		m, ok := p.view.member(slot)
		if !ok {
			return false
		}
		c.Members[c.N] = m
		c.N++
	}
	if q.Stable {
		slices.Sort(c.Members[:c.N])
	}
	c.TTL = min(time.Duration(r.TTL)*time.Second, p.TTL)
	return c.N > 0
}

// choose finds the best servers for the key, and notes that it has them.
func (h *headroom) choose(p *Plan, t *belief.Table, q Query, r *hidden.Record, now int64, c *Choice) {
	h.withdraw(r, now)
	weight := h.weight(r)
	best := h.rank(p, t, q, weight, r.Floor())
	*c = best.choice(h.limits(p, t, &best, r, now).shortest(p, t))
	r.TTL = float32(c.TTL.Seconds())
	if q.Stable {
		slices.Sort(c.Members[:c.N])
	} else if c.N > 1 {
		rotate(c, q.Random)
	}
	h.hold(p, r, c, weight, now)
}

// most is the TTL, unless the plan allows less.
func (p *Plan) most(ttl time.Duration) time.Duration {
	return max(min(ttl, p.TTL), p.Config.MinTTL)
}

// rotate begins with any of the members, as often with each: clients that take
// the first must be shared as evenly as those that take any.
func rotate(c *Choice, random uint64) {
	j, _ := bits.Mul64(mix(random+3), uint64(c.N))
	c.Members[0], c.Members[j] = c.Members[j], c.Members[0]
}

// withdraw takes back what the key's last answer still holds. A farm's earlier
// answers are other caches', and stay.
func (h *headroom) withdraw(r *hidden.Record, now int64) {
	if r.Held.N > 0 && r.Held.Until > now && r.Held.Book == h.belief.Book() && r.Caches() == 1 {
		for _, slot := range r.Held.Servers[:r.Held.N] {
			h.belief.Withdraw(slot, r.Held.Mass, r.Held.Until, now)
		}
	}
	r.Held.N = 0
}

// hold notes what the key was told.
func (h *headroom) hold(p *Plan, r *hidden.Record, c *Choice, weight float64, now int64) {
	kept := min(max(c.TTL.Seconds(), r.Floor()), p.Config.TTL.Seconds())
	r.Held = hidden.Held{Book: h.belief.Book(), Until: now + int64(kept*1e9), N: uint8(c.N), Mass: belief.Of(weight / float64(c.N))}
	for i, m := range c.Members[:c.N] {
		r.Held.Servers[i] = p.view.slots[m]
		h.belief.Tell(r.Held.Servers[i], r.Held.Mass, r.Held.Until, now)
	}
}

// quantised is the greatest time of the grid within so many seconds.
func quantised(grid []float64, seconds float64) time.Duration {
	best := grid[0]
	for _, t := range grid {
		if t <= seconds {
			best = t
		}
	}
	return time.Duration(best) * time.Second
}
