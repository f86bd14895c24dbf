package pool

import (
	"context"
	"time"
)

// Source follows one pool: in Consul, or by probing servers from a zone file.
type Source interface {
	// Run follows the pool until ctx ends and then returns nil. It hands over
	// each changed pool as a whole, in order, from one goroutine, and never
	// the same data twice, except that a pool with known loads may be handed
	// over again, at most once in 10 s, to confirm their times. Trouble does
	// not end it: it keeps quiet, shows in Status, and Run tries again.
	Run(ctx context.Context, publish func(*Pool)) error

	// Status tells how far the last pool can be trusted. It may be called at
	// any time, also before and after Run.
	Status() Status
}

// Status is the health of a source.
type Status struct {
	Source    string    // what is followed, for people: "consul web", "srv _http._tcp.example.org."
	Confirmed time.Time // when the source last vouched for the pool; zero if never
	Err       string    // the present trouble; empty if none
}

// Age is the time since the source last vouched for its pool, 0 if it never did.
func (s Status) Age(now time.Time) time.Duration {
	if s.Confirmed.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.Confirmed))
}
