package oracle

import (
	"maps"
	"net/netip"
)

// Health is what is said of a server.
type Health uint8

// Health states, as the name server means them.
const (
	Passing Health = iota
	Warning
	Critical
	Maintenance
)

func (h Health) String() string {
	return [...]string{"passing", "warning", "critical", "in maintenance"}[h]
}

// Server is a member of a pool.
type Server struct {
	ID     string
	Addrs  []netip.Addr
	Host   string // target of SRV records, fully qualified
	Port   uint16
	Tier   uint16
	Weight int
	Health Health
	Load   float64 // 0: not reported
}

func (s *Server) alive() bool { return s.Health == Passing || s.Health == Warning }

// overloaded and relaxed leave out what hysteresis makes of loads between them.
func (s *Server) overloaded() bool { return s.Load > 0.90 }
func (s *Server) relaxed() bool    { return s.Load < 0.70 }

// Pool is a service's members by ID. One that was handed to a Model must not
// change.
type Pool map[string]Server

// With is the pool with these members, in the place of those of the same ID.
func (p Pool) With(servers ...Server) Pool {
	next := maps.Clone(p)
	if next == nil {
		next = Pool{}
	}
	for _, s := range servers {
		next[s.ID] = s
	}
	return next
}

// Without is the pool without some members.
func (p Pool) Without(ids ...string) Pool {
	next := maps.Clone(p)
	for _, id := range ids {
		delete(next, id)
	}
	return next
}
