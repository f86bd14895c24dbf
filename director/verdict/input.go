package verdict

import (
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Input is one moment, as Next sees it. Server IDs are unique over Pool and
// Fallback together.
type Input struct {
	Now       time.Time
	Pool      *pool.Pool          // nil before the first; later nil means the last one
	Fallback  *pool.Pool          // servers for when there is no quorum; nil if there are none
	Overrides map[string]Override // by server ID
	Tallies   map[string]Tally    // by server ID
}

// Override is what an operator asked for. It holds while it is given: to
// undrain is to leave it out.
type Override struct {
	Factor   float64   // multiplies the weight, 0..10; 0 takes nothing new
	Drain    bool      // whatever its health and Factor
	Deadline time.Time // of the drain: then its connections are reset; zero: Config.DrainDeadline
	By       string    // who or why, for people
}

// Tally is what the datapath counted for one server. Counts are those since
// the step before.
type Tally struct {
	SYNs        uint64 // sent to the server
	SYNACKs     uint64 // answers of it
	Misses      uint64 // SYNs not answered in time
	Resets      uint64 // RSTs in answer to SYNs
	Unreachable uint64 // ICMP unreachables from it or on its behalf

	Active uint32 // connections now
	Streak uint32 // failures with no success between, up to now
}
