package verdict

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// moment is one run of Next.
type moment struct {
	cfg      *Config
	in       *Input
	prev     *Memory
	subjects []*subject
	groups   []*group // tiers in their order, then the fallback servers
	serving  *group   // nil if nobody can
	panic    bool
	verdict  *Verdict
}

// group is a tier, or the fallback servers: those that serve together.
type group struct {
	tier     uint16
	fallback bool
	quorum   bool
	subjects []*subject
}

// Next judges a moment. It is pure and leaves prev, which is nil at first, as
// it is.
func Next(cfg Config, in Input, prev *Memory) (*Verdict, *Memory) {
	if in.Pool == nil && prev != nil {
		in.Pool = prev.pool
	}
	m := &moment{cfg: &cfg, in: &in, prev: prev, verdict: &Verdict{At: in.Now}}
	m.gather(in.Pool, false)
	m.gather(in.Fallback, true)
	m.identify()
	for _, g := range m.groups {
		g.level()
		for _, s := range g.subjects {
			s.examine(m)
		}
	}
	m.presume()
	for _, g := range m.groups {
		m.eject(g)
	}
	m.choose()
	for _, s := range m.subjects {
		s.weigh(m)
	}
	m.relieve()
	for _, g := range m.groups {
		for _, s := range g.subjects {
			m.verdict.Servers = append(m.verdict.Servers, s.server(m, g))
		}
	}
	m.sum()
	memory := m.remember()
	m.verdict.Due = m.due()
	return m.verdict, memory
}

// gather makes the groups of a pool's servers.
func (m *moment) gather(p *pool.Pool, fallback bool) {
	if p == nil {
		return
	}
	servers := slices.SortedStableFunc(slices.Values(p.Servers), func(a, b pool.Server) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), strings.Compare(a.ID, b.ID))
	})
	for i := range servers {
		s := newSubject(m, &servers[i], fallback)
		m.subjects = append(m.subjects, s)
		last := len(m.groups) - 1
		if last < 0 || m.groups[last].fallback != fallback || !fallback && m.groups[last].tier != servers[i].Tier {
			m.groups = append(m.groups, &group{tier: servers[i].Tier, fallback: fallback})
			last++
		}
		m.groups[last].subjects = append(m.groups[last].subjects, s)
	}
}

// identify recalls what is known of each server. Two at one address and port
// are one to the datapath: the first, or the first that is alive, stands for
// them, as for a server that was registered anew before its old name was gone.
func (m *moment) identify() {
	holders := map[key]*subject{}
	for _, s := range m.subjects {
		if s.unusable != "" {
			continue
		}
		holder := holders[s.key]
		if holder == nil || !holder.Health.Alive() && s.Health.Alive() {
			holders[s.key] = s
		}
	}
	for _, s := range m.subjects {
		if holder := holders[s.key]; s.unusable == "" && holder != s {
			s.unusable = "has the address and port of " + holder.ID
		}
		s.recall(m)
	}
}

// level gives all servers of the group capacity 1 if none has any: RFC 2782
// recommends weight 0 where there is nothing to choose by.
func (g *group) level() {
	for _, s := range g.subjects {
		if s.capacity > 0 {
			return
		}
	}
	for _, s := range g.subjects {
		s.capacity = 1
	}
}

// presume treats the servers of the first group that has any that are wanted
// as alive, if nobody is alive and the Config allows it.
func (m *moment) presume() {
	if !m.cfg.Panic || slices.ContainsFunc(m.subjects, func(s *subject) bool { return s.alive }) {
		return
	}
	for _, g := range m.groups {
		for _, s := range g.subjects {
			if s.wanted {
				s.alive, s.presumed, m.panic = true, true, true
			}
		}
		if m.panic {
			return
		}
	}
}

// remember makes the next Memory, and tells of those that left.
func (m *moment) remember() *Memory {
	next := &Memory{
		servers: make(map[key]memory, len(m.subjects)), quorum: map[uint16]bool{},
		pool: m.in.Pool, fallback: m.in.Fallback,
	}
	for _, g := range m.groups {
		if !g.fallback {
			next.quorum[g.tier] = g.quorum
		}
	}
	for _, s := range m.subjects {
		if s.unusable == "" {
			next.servers[s.key] = s.memory
		}
	}
	m.partWith(next)
	return next
}

// partWith reports those that left just now, and keeps remembering those that
// did not long ago or still have connections.
func (m *moment) partWith(next *Memory) {
	if m.prev == nil {
		return
	}
	var left []Server
	for k, was := range m.prev.servers {
		if _, here := next.servers[k]; here {
			continue
		}
		if was.gone.IsZero() {
			left = append(left, removed(k, was))
			was = was.leave(m.in.Now)
		}
		if m.in.Now.Sub(was.gone) < forget || m.in.Tallies[was.id].Active > 0 {
			next.servers[k] = was
		}
	}
	slices.SortFunc(left, func(a, b Server) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port))
	})
	m.verdict.Servers = append(m.verdict.Servers, left...)
}

func removed(k key, was memory) Server {
	return Server{
		ID: was.id, Addr: k.Addr(), Port: k.Port(), Tier: was.tier, Fallback: was.fallback,
		State: Removed, Generation: was.generation, Ejections: was.times,
		Reason: "left the pool: keeps the connections it has until they end",
	}
}

// leave is what is remembered of a server that leaves the pool.
func (m memory) leave(now time.Time) memory {
	m.gone, m.well = now, false
	if m.live {
		m.live, m.down = false, now
	}
	m.downSince, m.drained, m.retired = time.Time{}, time.Time{}, false
	return m
}
