package policy

import (
	"github.com/ballast-lb/ballast/internal/pool"
	"time"
)

// State is what Next remembers from one moment to the next. It is opaque and
// never written to once returned.
type State struct{ at time.Time }

// Next judges one moment.
func Next(cfg Config, in Input, prev *State) (*Plan, *State) {
	cfg = cfg.clamped()
	p := &Plan{Config: cfg, At: in.Now, Pool: in.Pool, Status: in.Status, TTL: cfg.TTL,
		Bounds: []Bound{{Name: "record ttl", TTL: cfg.TTL}}}
	if in.Pool == nil {
		p.Mode = Waiting
		return p, &State{}
	}
	p.Members = make([]Member, len(in.Pool.Servers))
	live := false
	for i := range p.Members {
		s := &in.Pool.Servers[i]
		p.Members[i] = Member{Server: s, Factors: Factors{s.Capacity, 1, 1, 1, 1}, Weight: s.Capacity}
		if s.Health.Alive() && s.Capacity > 0 {
			p.Members[i].In, live = true, true
		}
	}
	if !live {
		p.Mode = AllDown
		for i := range p.Members {
			m := &p.Members[i]
			m.In, m.Weight = true, max(m.Server.Capacity, 1)
			if m.Server.Health == pool.Drained {
				m.In = false
			}
		}
	}
	p.prepare(in.Seed)
	return p, &State{in.Now}
}
