package policy

import (
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// State is what Next remembers from one moment to the next. It is opaque, may
// be carried over to another Config, and is never written to once returned.
type State struct {
	servers map[string]memory // of the last pool, by ID
	live    map[string]bool   // IDs of those that answered last while some were live
	pool    *pool.Pool        // the last that had servers

	reported time.Time // when a server reported its load last; zero if none ever did
}

// memory is what is remembered of one server.
type memory struct {
	at         time.Time // when the rest was true
	live       bool      // neither down nor set aside
	overloaded bool      // excluded until its load is below backLoad
	headroom   float64
	ramp       time.Time // when the slow start began; zero if there is none
	down       time.Time // since when it is not live; zero if it is
	well       bool      // while not live: it is only set aside
	boot       string
}

// recall returns what is known of a server, and whether it was seen before.
func (s *State) recall(id string) (memory, bool) {
	if s == nil {
		return memory{}, false
	}
	m, ok := s.servers[id]
	return m, ok
}

// inhabited tells whether the last pool had servers.
func (s *State) inhabited() bool { return s != nil && len(s.servers) > 0 }

// lastPool is the last pool that had servers, or nil.
func (s *State) lastPool() *pool.Pool {
	if s == nil {
		return nil
	}
	return s.pool
}

func (s *State) lastLive() map[string]bool {
	if s == nil {
		return nil
	}
	return s.live
}

func (s *State) lastReported() time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.reported
}
