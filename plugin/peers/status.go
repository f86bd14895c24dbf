package peers

import (
	"errors"
	"time"
)

// Status is how it is with one peer.
type Status struct {
	Peer  string
	Heard time.Time // last; zero for never
	Err   error     // why nothing can be sent to it
}

// Peers tells of each peer that is configured.
func (e *Exchange) Peers() []Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]Status, len(e.peers))
	for i, p := range e.peers {
		list[i] = Status{Peer: p.String(), Heard: e.memory.last(p), Err: e.lost[p]}
	}
	return list
}

// Reasons are what Reason may return.
var Reasons = []string{"clock", "malformed", "replay", "secret"}

// Reason is one word for why a datagram was refused.
func Reason(err error) string {
	for reason, is := range map[string]error{"clock": errClock, "replay": errReplay, "secret": errSecret} {
		if errors.Is(err, is) {
			return reason
		}
	}
	return "malformed"
}
