package policy

import (
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Plan is what Next makes of one moment: who answers, with which weight, for
// how long, and why. Once a Learner has adopted it, it is never written to again.
type Plan struct {
	Config Config
	At     time.Time
	Pool   *pool.Pool // nil while Waiting
	Status pool.Status
	Mode   Mode
	Reason string // why Mode is what it is, for people

	// Members are all servers in ID order. They are those of Pool, or while
	// Pool is empty those of the last pool that was not.
	Members []Member

	// TTL is the answer's: whole seconds, at least one.
	TTL time.Duration
	// Bounds say why, shortest first. If the shortest lies below
	// Config.MinTTL, the bound "min-ttl" is among them and is the TTL.
	Bounds []Bound

	// Due is when Next must be called again even if the pool does not
	// change; zero if nothing is in motion.
	Due time.Time

	tables [Families]table
	view   *view // of the Learner that adopted the plan
}

// Size is how many members can be drawn for the family: those that are in and
// have an address of it. If it is 0, answers of that family are empty.
func (p *Plan) Size(f Family) int {
	if f >= Families {
		return 0
	}
	return len(p.tables[f].members)
}

// Same tells whether both plans are served alike, so that records made for one
// serve the other: the same members at the same places, with the same names,
// addresses and weights, under the same Config, Mode and TTL.
func (p *Plan) Same(q *Plan) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Config == q.Config && p.Mode == q.Mode && p.TTL == q.TTL &&
		slices.EqualFunc(p.Members, q.Members, servedAlike)
}

func servedAlike(a, b Member) bool {
	if !a.In || !b.In {
		return a.In == b.In
	}
	return a.Weight == b.Weight && a.Share == b.Share &&
		a.Server.ID == b.Server.ID && a.Server.Host == b.Server.Host &&
		a.Server.Port == b.Server.Port && a.Server.Tier == b.Server.Tier &&
		slices.Equal(a.Server.Addrs, b.Server.Addrs)
}

// prepare makes what draws need of the members.
func (p *Plan) prepare(seed uint64) {
	var sum float64
	for i := range p.Members {
		if p.Members[i].In {
			sum += p.Members[i].Weight
		}
	}
	for i := range p.Members {
		if m := &p.Members[i]; m.In {
			m.Share = m.Weight / sum
		}
	}
	for f := range Families {
		t, shares := newTable(p.Members, f, p.answers(f), seed+uint64(f))
		if p.Config.Policy == "hash" {
			t.rivals = newRivals(p.hashes(t.members), shares, t.n)
		}
		p.tables[f] = t
	}
}

// hashes are those of the IDs of some members.
func (p *Plan) hashes(members []uint16) []uint64 {
	hashes := make([]uint64, len(members))
	for i, m := range members {
		hashes[i] = hashString(p.Members[m].Server.ID)
	}
	return hashes
}

// answers is the most members that an answer of the family carries. SRV
// records carry weights themselves, so clients get all of them.
func (p *Plan) answers(f Family) int {
	if f == SRV {
		return MaxAnswers
	}
	return p.Config.Answers
}

func drawable(s *pool.Server, f Family) bool {
	if f == SRV {
		return true
	}
	for _, a := range s.Addrs {
		if a.IsValid() && a.Unmap().Is4() == (f == A) {
			return true
		}
	}
	return false
}
