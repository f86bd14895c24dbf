package policy

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// MaxAnswers is the most members that one answer can carry.
const MaxAnswers = 32

// Config is what an LB record says of its policy.
type Config struct {
	Policy   string        // one of Names; empty for headroom where servers report their load, else weighted
	Answers  int           // members of an A or AAAA answer, 1..MaxAnswers
	TTL      time.Duration // longest TTL of an answer
	MinTTL   time.Duration // shortest; at least 1s, at most TTL; 0 for the policy's default
	MeanTTL  time.Duration // policies that adapt TTLs cause as many queries as this constant one would; 0 for the geometric mean of MinTTL and TTL
	Session  time.Duration // how long clients stay with a server before they ask again, on average
	UpThresh float64       // pool quorum, 0..1: below this share of live capacity all are served
	Empty    Empty         // what to do when nobody is live
	Ramp     time.Duration // slow start after a return; 0 or less for none, see NoRamp
	// Sticky is how many leading bits of an IPv4 and of an IPv6 resolver key
	// decide under the hash policy: clients of one prefix share an answer.
	// With 0 or less keys do not matter, and the draw is random.
	Sticky [2]int
}

// Empty says what answers when every server is down or the pool is empty.
type Empty uint8

// The ways. All serves every known server, since a wrong "down" of everything
// is likelier than a true one.
const (
	EmptyAll      Empty = iota
	EmptyLast           // the servers that were live last
	EmptyFallback       // another name's records; the plugin looks them up
	EmptyNone           // nothing: NODATA
)

// Override is an operator's word on one server, until it ends.
type Override struct {
	Factor float64   // multiplies the weight, 0..10
	Drain  bool      // take the server out, whatever its health
	Until  time.Time // zero: until undone
	By     string    // who or why, for people
}

// Family is what a question asks for.
type Family uint8

// The families. A server can be in several.
const (
	A Family = iota
	AAAA
	SRV
	Families
)

// Input is one moment, as Next sees it.
type Input struct {
	Now       time.Time
	Pool      *pool.Pool          // nil before the first
	Status    pool.Status         // how far the pool can be trusted
	Overrides map[string]Override // by server ID
	Seed      uint64              // for the order in which tables are laid out
}

// Factors are what a server's weight is the product of.
type Factors struct {
	Capacity float64 `json:"capacity"`
	Health   float64 `json:"health"`   // 1 passing, less while warning
	Headroom float64 `json:"headroom"` // 1 with room to spare, towards 0 when loaded
	Ramp     float64 `json:"ramp"`     // grows to 1 after a return
	Override float64 `json:"override"` // the operator's
}

// Weight is the product.
func (f Factors) Weight() float64 {
	return f.Capacity * f.Health * f.Headroom * f.Ramp * f.Override
}

// Member is a server with what the policy makes of it.
type Member struct {
	Server  *pool.Server
	Factors Factors
	Weight  float64 // what selection uses; Factors.Weight unless the Mode says otherwise
	Share   float64 // Weight over the sum of those that are in; 0 if out
	In      bool
	Why     []string // short reasons for being in, out or lighter: "critical: tcp: refused", "load 0.93 above 0.90"
}

// Mode says how the members that are in were found.
type Mode uint8

// The modes.
const (
	Live      Mode = iota // the live servers of the best tier
	Quorum                // too few live: all are served (up-thresh)
	AllDown               // nobody live: all are served
	LastKnown             // nobody live: those that were live last
	Fallback              // nobody live: another name answers
	Nobody                // nobody live, and none is served
	Waiting               // no pool yet
)

// Bound is one reason for a TTL: the shortest of them, clipped to the record's
// limits, is the answer's TTL.
type Bound struct {
	Name   string        `json:"name"` // "record ttl", "min-ttl", "flip", "ramping", "near threshold", "overloaded", "stale", ...
	TTL    time.Duration `json:"ttl"`
	Server string        `json:"server,omitempty"` // ID
	Why    string        `json:"why,omitempty"`
}

// Query is one question, as a Policy sees it.
type Query struct {
	Family Family
	Key    netip.Prefix // the resolver key: the ECS prefix, or the resolver's address
	Now    time.Time
	Random uint64 // uniform; the only randomness of the draw
	Stable bool   // emit members in ID order, so that signatures can be cached
}

// Choice is what was drawn: indices into Plan.Members. It is a value, so that
// a draw allocates nothing.
type Choice struct {
	N       int
	Members [MaxAnswers]uint16
	TTL     time.Duration
	Keyed   bool // depends on Query.Key: the ECS scope of the answer is the key's length, else 0
	// Scope is the number of leading bits of the key that mattered, if Keyed.
	Scope int
}

// Policy draws members from a plan. A Policy may keep state for each resolver
// key; it is safe for concurrent use and must neither wait for I/O nor allocate.
type Policy interface {
	Draw(p *Plan, q Query) Choice
}
