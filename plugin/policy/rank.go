package policy

import (
	"slices"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/belief"
)

// candidates is how many servers are weighed for one answer, at most: of a
// larger pool that many are drawn by weight, which finds one with room as
// surely as looking at all, and keeps the work bounded.
const candidates = 16

// ranked is a server with how long it can bear a key.
type ranked struct {
	member  uint16
	longest float64 // seconds that its foretold load stays within its share; 0 if it never does
	load    float64 // foretold for the shortest time, over its share
}

// ranking holds the best, best first.
type ranking struct {
	n    int
	list [MaxAnswers]ranked
}

// rank weighs servers for a key of that weight. Longest first; among equals the
// one that is least loaded.
func (h *headroom) rank(p *Plan, t *belief.Table, q Query, weight, floor float64) (best ranking) {
	family := &p.tables[q.Family]
	want := family.n
	from := startOf(t, floor)
	part := weight / float64(want)
	consider := func(m uint16) {
		slot := p.view.slots[m]
		b := ranked{member: m}
		b.longest, b.load = reach(t, slot, h.belief.Recent(slot), part, weight, from)
		best.insert(b, want)
	}
	if len(family.members) <= candidates {
		for _, m := range family.members {
			consider(m)
		}
		return best
	}
	family.some(max(candidates, want), q.Random, consider)
	return best
}

// choice makes the best an answer.
func (r *ranking) choice(ttl time.Duration) (c Choice) {
	c.N, c.TTL = r.n, ttl
	for i, b := range r.list[:r.n] {
		c.Members[i] = b.member
	}
	return c
}

// startOf is the first time of the grid that a resolver with a floor can keep to.
func startOf(t *belief.Table, floor float64) (from int) {
	for from < len(t.Grid)-1 && t.Grid[from] < floor {
		from++
	}
	return from
}

// some visits about n members, each once, drawn by weight as answers are.
func (t *table) some(n int, random uint64, visit func(member uint16)) {
	var seen [candidates + MaxAnswers]uint16
	count := 0
	for i := uint64(0); i < 4*candidates && count < n; i++ {
		var c Choice
		t.sample(&c, mix(random+5)+i)
		for _, m := range c.Members[:c.N] {
			if count < len(seen) && !slices.Contains(seen[:count], m) {
				seen[count] = m
				count++
				visit(m)
			}
		}
	}
}

func (r *ranking) insert(b ranked, want int) {
	at := r.n
	if r.n < want {
		r.n++
	} else if !b.before(r.list[want-1]) {
		return
	} else {
		at = want - 1
	}
	for ; at > 0 && b.before(r.list[at-1]); at-- {
		r.list[at] = r.list[at-1]
	}
	r.list[at] = b
}

func (b ranked) before(o ranked) bool {
	if b.longest != o.longest {
		return b.longest > o.longest
	}
	return b.load < o.load
}

// reach is the longest time of the grid, from its index from on, up to which
// the slot's foretold load stays within its share and the tolerance, if it
// bears part of a key's weight that is thought to be spread until now.
func reach(t *belief.Table, slot uint16, recent, part, weight float64, from int) (longest, load float64) {
	share := t.Shares[slot]
	more := recent + part - weight*share
	ahead, limit := t.Ahead(slot), share*t.Limit
	for g := from; g < len(ahead); g++ {
		l := ahead[g] + more*t.Gone[g]
		if g == from {
			load = l / max(share, 1e-9)
		}
		if l > limit {
			break
		}
		longest = t.Grid[g]
	}
	return longest, load
}
