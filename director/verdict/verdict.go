package verdict

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// State is what the datapath does with a server.
type State uint8

// The states; see the package comment.
const (
	Up State = iota
	Standby
	Draining
	Ejected
	Down
	Removed
)

var stateNames = [...]string{"up", "standby", "draining", "ejected", "down", "removed"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Verdict is what one moment makes of a VIP's servers. It is not written to
// once returned.
type Verdict struct {
	At      time.Time
	Servers []Server // by tier and ID, then the fallback servers, then the removed ones

	Quorum   bool   // some tier meets it
	Fallback bool   // the fallback servers serve
	Panic    bool   // nobody is alive, and all are treated as up
	Reason   string // a sentence on the whole

	// Of the servers proper, in the tier that serves, or in all if none does:
	Alive     float64 // capacity that is alive and not ejected, drained or set to 0
	Capacity  float64 // the same, were all alive
	Load      float64 // mean of the known loads of what is alive, by capacity
	LoadKnown bool

	Due time.Time // when to look again at the latest; zero if nothing is in motion
}

// Server is what a moment makes of one server.
type Server struct {
	ID       string
	Addr     netip.Addr // of the VIP's family; invalid if there is none that it could use, and then it is Down
	Port     uint16     // 0: the port that the client asked for
	Tier     uint16
	Fallback bool

	State      State
	Weight     uint32 // 256 is 1.0; above 0 only if Up
	Factors    Factors
	Generation uint32 // raised when all connections before are over
	// Reason explains State and Weight. It may be another with every step;
	// what people are told of is a change of State.
	Reason string

	Health    pool.Health
	Load      float64 // as reported, 0..10
	LoadKnown bool    // reported, and less than 90 s ago

	DownSince     time.Time // zero unless Down, and usable otherwise
	DrainDeadline time.Time // zero unless draining with a deadline
	EjectedUntil  time.Time // zero unless Ejected
	Ejections     int       // how often lately: what the length of the next goes by
}

// Eligible tells whether the server gets new connections.
func (s *Server) Eligible() bool { return s.State == Up && s.Weight > 0 }

// Factors are what a weight is the product of, each explained in the package
// comment. Those of a server that takes nothing new are what they would be.
type Factors struct {
	Capacity float64
	Health   float64
	Headroom float64
	Ramp     float64
	Override float64
}

// Weight is the product, 1.0 being 1.
func (f Factors) Weight() float64 {
	return f.Capacity * f.Health * f.Headroom * f.Ramp * f.Override
}
