package verdict

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Memory is what Next remembers from one moment to the next. It is opaque, may
// be carried over to another Config, and is never written to once returned.
type Memory struct {
	servers        map[key]memory
	quorum         map[uint16]bool // by tier, whether it was met
	pool, fallback *pool.Pool      // the last ones
}

// key tells servers apart as the datapath does: one that moved to another
// address is another, and one that has a new ID only is the same.
type key = netip.AddrPort

// memory is what is remembered of one server.
type memory struct {
	at         time.Time // when the rest was true
	live       bool      // alive, not ejected and not set aside
	well       bool      // while not live: it is only set aside
	down       time.Time // since when it is not live; zero if it is
	downSince  time.Time // since when its state is Down
	ramp       time.Time // when the slow start began; zero if there is none
	boot       string    // the last one known
	generation uint32

	overloaded bool // until its load is below backLoad
	headroom   float64

	drained time.Time // since when; zero if it is not
	retired bool      // the drain's deadline has passed

	ejected  time.Time // when last; zero if never
	until    time.Time // when that ends, or ended
	times    int       // how often lately
	calm     time.Time // up to when times have been taken back
	forgiven uint32    // of the streak

	gone     time.Time // when it left the pool; zero if it is in it
	id       string
	tier     uint16
	fallback bool
}

func (m *Memory) recall(k key) (memory, bool) {
	if m == nil {
		return memory{}, false
	}
	s, ok := m.servers[k]
	return s, ok
}

// inhabited tells whether there were servers, proper or fallback ones, in the
// last moment: then, one that is seen for the first time joins others.
func (m *Memory) inhabited(fallback bool) bool {
	if m == nil {
		return false
	}
	p := m.pool
	if fallback {
		p = m.fallback
	}
	return p != nil && len(p.Servers) > 0
}

// metQuorum tells whether the tier met its quorum. One that is new did: the
// margin is for those that lost it.
func (m *Memory) metQuorum(tier uint16) bool {
	if m == nil {
		return true
	}
	met, known := m.quorum[tier]
	return met || !known
}
