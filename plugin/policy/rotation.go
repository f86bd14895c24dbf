package policy

import "slices"

// rotation is round robin and its relatives (Colajanni, Yu and Dias, "Analysis
// of task assignment policies in scalable distributed Web-server systems", IEEE
// TPDS 9(6), 1998; US patents 6,119,143 and 6,078,943):
//
//   - rr gives the next server.
//   - rr2 keeps a turn for the keys heavier than the mean and one for the rest,
//     so that heavy ones do not follow one another to the same server.
//   - prr2 accepts the next server i with probability C(i)/C(largest) only, and
//     else goes on to the one after it.
//   - drr2 accepts it always; its TTLs know the capacity.
type rotation struct {
	tiers  bool // two turns
	chance bool // accept by capacity
	ttl    *stretch
}

func (r rotation) policy(o Options) Policy {
	if r.ttl == nil && !r.tiers {
		o.Limit = 1 // no key matters
	}
	return newPublished(o, &turns{rotation: r}, r.ttl)
}

// turns are the rotation's places: the server that was given last, by tier.
type turns struct {
	stateless
	rotation
	last [2]string // IDs
}

func (r *turns) remember() func() {
	last := r.last
	return func() { r.last = last }
}

func (r *turns) next(p *Plan, t *table, k subject, skip []uint16) uint16 {
	tier := 0
	if r.tiers && k.hot {
		tier = 1
	}
	at := r.after(p, t, tier)
	most := largest(p, t, skip)
	random := k.random + uint64(len(skip))<<32
	for ; ; at++ {
		m := t.members[at%len(t.members)]
		if slices.Contains(skip, m) {
			continue
		}
		random += golden
		if !r.chance || uniform(mix(random))*most <= p.Members[m].bears() {
			r.last[tier] = p.Members[m].Server.ID
			return m
		}
	}
}

// after is the place in the table that follows the tier's last server. The
// second tier begins half a round away from the first.
func (r *turns) after(p *Plan, t *table, tier int) int {
	if r.last[tier] == "" {
		return tier * len(t.members) / 2
	}
	for i, m := range t.members {
		if p.Members[m].Server.ID > r.last[tier] {
			return i
		}
	}
	return 0
}

// largest is the greatest capacity of those that can still be taken: one of them
// is always accepted in the end.
func largest(p *Plan, t *table, skip []uint16) (most float64) {
	for _, m := range t.members {
		if !slices.Contains(skip, m) {
			most = max(most, p.Members[m].bears())
		}
	}
	return most
}
