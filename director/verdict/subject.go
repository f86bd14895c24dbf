package verdict

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// forget is how long a server is remembered that left the pool.
const forget = 10 * time.Minute

// subject is a server while it is judged.
type subject struct {
	*pool.Server
	key      key // without an address if it has none
	fallback bool
	last     memory // of the moment before
	seen     bool   // there is a last
	memory   memory // of this moment
	tally    Tally
	override *Override // nil if none holds
	unusable string    // why it can never be used; empty if it can

	capacity float64 // its own, or 1 if its whole tier has none
	drain    bool
	deadline time.Time // of the drain; zero if none
	booted   bool      // anew, since the last moment
	wanted   bool      // not drained, nor set to 0
	alive    bool      // and wanted
	presumed bool      // alive only by Config.Panic

	ejected bool
	spared  bool   // not ejected only because too many are
	fails   uint32 // of its streak, those that count

	factors  Factors
	load     float64
	known    bool // the load is, and not all of it has faded
	faded    float64
	target   float64 // where headroom glides to
	rampLeft time.Duration
}

func newSubject(m *moment, server *pool.Server, fallback bool) *subject {
	s := &subject{Server: server, fallback: fallback, capacity: capacityOf(server.Capacity), tally: m.in.Tallies[server.ID]}
	var addr netip.Addr
	for _, a := range server.Addrs {
		if m.cfg.family(a) {
			addr = a.Unmap()
			break
		}
	}
	if !addr.IsValid() {
		s.unusable = "has no " + m.cfg.familyName()
	}
	s.key = netip.AddrPortFrom(addr, server.Port)
	if o, ok := m.in.Overrides[server.ID]; ok {
		s.override = &o
	}
	return s
}

// recall begins this moment's memory with that of the moment before.
func (s *subject) recall(m *moment) {
	if s.unusable == "" {
		s.last, s.seen = m.prev.recall(s.key)
	}
	s.memory = s.last
	s.memory.at, s.memory.gone = m.in.Now, time.Time{}
	s.memory.id, s.memory.tier, s.memory.fallback = s.ID, s.Tier, s.fallback
}

// examine finds what the server's checks, its boot id and the operator say.
func (s *subject) examine(m *moment) {
	if boot := s.Load.Boot; boot != "" {
		if s.booted = s.last.boot != "" && s.last.boot != boot; s.booted {
			s.memory.generation++
		}
		s.memory.boot = boot
	}
	s.drain = s.Health == pool.Drained || s.override != nil && s.override.Drain
	s.timeDrain(m)
	s.wanted = s.unusable == "" && !s.drain && s.capacity > 0 && overrideFactor(s.override) > 0
	s.alive = s.wanted && s.Health.Alive()
}

// timeDrain finds the drain's deadline, and retires the server's connections
// once when it has passed.
func (s *subject) timeDrain(m *moment) {
	if !s.drain {
		s.memory.drained, s.memory.retired = time.Time{}, false
		return
	}
	if s.memory.drained.IsZero() {
		s.memory.drained = m.in.Now
	}
	switch o := s.override; {
	case o != nil && o.Drain && !o.Deadline.IsZero():
		s.deadline = o.Deadline
	case m.cfg.DrainDeadline > 0:
		s.deadline = s.memory.drained.Add(m.cfg.DrainDeadline)
	default:
		return
	}
	if !s.memory.retired && !m.in.Now.Before(s.deadline) {
		s.memory.retired = true
		s.memory.generation++
	}
}

// live tells whether the server can serve, should its tier.
func (s *subject) live() bool { return s.alive && !s.ejected }

// state is the server's, given whether its group serves.
func (s *subject) state(serving bool) State {
	switch {
	case s.unusable != "", s.Health == pool.Critical && !s.presumed, s.memory.retired:
		return Down
	case s.drain:
		return Draining
	case s.ejected:
		return Ejected
	case s.alive && !serving:
		return Standby
	}
	return Up
}

// server is the verdict on the server.
func (s *subject) server(m *moment, g *group) Server {
	v := Server{
		ID: s.ID, Port: s.Port, Tier: s.Tier, Fallback: g.fallback,
		State: s.state(g == m.serving), Factors: s.factors, Generation: s.memory.generation,
		Health: s.Health, Load: s.load, LoadKnown: s.known, DrainDeadline: s.deadline, Ejections: s.memory.times,
	}
	if s.unusable == "" {
		v.Addr = s.key.Addr()
	}
	if v.State == Up && s.live() {
		v.Weight = fixed(s.factors.Weight())
	}
	if v.State == Ejected {
		v.EjectedUntil = s.memory.until
	}
	s.timeDown(v.State, m.in.Now)
	v.DownSince = s.memory.downSince
	v.Reason = s.explain(m, g, v.State)
	return v
}

func (s *subject) timeDown(state State, now time.Time) {
	switch {
	case state != Down || s.unusable != "":
		s.memory.downSince = time.Time{}
	case s.memory.downSince.IsZero():
		s.memory.downSince = now
	}
}
