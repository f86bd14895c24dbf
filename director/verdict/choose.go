package verdict

import "math"

// shareMargin is the share of the capacity more that it takes to meet a lost
// quorum again.
const shareMargin = 0.05

// choose finds the group that serves.
func (m *moment) choose() {
	var alive, fallback *group // the first in which anybody is
	for _, g := range m.groups {
		census := g.count()
		switch {
		case g.fallback:
			if census.alive > 0 {
				fallback = g
			}
			continue
		case m.panic:
		default:
			g.quorum = census.meets(m.cfg, m.prev.metQuorum(g.tier))
		}
		if g.quorum && m.serving == nil {
			m.serving, m.verdict.Quorum = g, true
		}
		if census.alive > 0 && alive == nil {
			alive = g
		}
	}
	switch {
	case m.serving != nil:
	case fallback != nil:
		m.serving = fallback
	default:
		m.serving = alive
	}
	m.verdict.Panic = m.panic
	m.verdict.Fallback = m.serving != nil && m.serving.fallback
}

// census counts servers that are wanted and those that are live, and their
// capacities.
type census struct {
	wanted, alive, ejected  int
	wantedCapacity, aliveOf float64
}

func (g *group) count() (c census) {
	for _, s := range g.subjects {
		c.add(s)
	}
	return c
}

func (c *census) add(s *subject) {
	if !s.wanted {
		return
	}
	c.wanted++
	c.wantedCapacity += s.capacity
	switch {
	case s.live():
		c.alive++
		c.aliveOf += s.capacity
	case s.alive:
		c.ejected++
	}
}

// meets tells whether there is a quorum, given whether there was. The margin
// never asks for more than all.
func (c census) meets(cfg *Config, had bool) bool {
	need, share := max(1, cfg.Quorum), cfg.QuorumShare
	if math.IsNaN(share) {
		share = 0
	}
	if !had {
		need = max(need, min(need+max(0, cfg.QuorumMargin), c.wanted))
		if share > 0 {
			share = max(share, min(share+shareMargin, 1))
		}
	}
	// A share of the same capacities summed in another order may differ in the last bits.
	return c.alive >= need && c.aliveOf >= share*c.wantedCapacity*(1-1e-12)
}

// sum fills in the figures of the whole.
func (m *moment) sum() {
	var all census
	var loads, of float64
	for _, g := range m.groups {
		if g.fallback || m.serving != nil && !m.serving.fallback && g != m.serving {
			continue
		}
		for _, s := range g.subjects {
			if s.presumed {
				all.wanted++
				all.wantedCapacity += s.capacity
				continue
			}
			all.add(s)
			if s.live() && s.known {
				loads += s.load * s.capacity
				of += s.capacity
			}
		}
	}
	v := m.verdict
	v.Alive, v.Capacity = all.aliveOf, all.wantedCapacity
	if v.LoadKnown = of > 0; v.LoadKnown {
		v.Load = loads / of
	}
	v.Reason = m.explainWhole(all)
}
