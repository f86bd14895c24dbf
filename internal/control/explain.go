package control

import (
	"net/netip"
	"time"
)

// ExplainRequest asks why a name is answered as it is.
type ExplainRequest struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"` // A (default), AAAA or SRV
	// From is the resolver key: an address's prefix, as ECS carries it. The
	// zero Prefix asks for no key in particular.
	From netip.Prefix `json:"from,omitzero"`
}

// Explanation says who answers a question, who does not, and why.
type Explanation struct {
	Name   string `json:"name"` // fully qualified
	Zone   string `json:"zone"`
	Type   string `json:"type"`
	Key    string `json:"key,omitempty"` // the resolver key that was used
	Source string `json:"source"`
	Policy string `json:"policy"`
	// Confirmed and Snapshot tell how far the source can be trusted, as those of
	// SourceStatus do.
	Confirmed time.Time         `json:"confirmed,omitzero"`
	Snapshot  time.Time         `json:"snapshot,omitzero"`
	Mode      string            `json:"mode"`
	Reason    string            `json:"reason,omitempty"`
	TTL       Seconds           `json:"ttl"`
	Bounds    []Bound           `json:"bounds"` // all that were considered; the shortest, clipped to the record's limits, is TTL
	Members   []ExplainedMember `json:"members"`
	Drawn     []string          `json:"drawn"` // IDs that this key gets now
	// HiddenLoad is what is known of the key, for policies that ask for it.
	HiddenLoad *HiddenLoad `json:"hidden_load,omitempty"`
	// Tolerance is by how much a server may be loaded beyond its share.
	Tolerance float64 `json:"tolerance,omitempty"`
	// Sampled tells that Drawn is one sample of a weighted draw: the next
	// query may get other servers, by their shares.
	Sampled bool `json:"sampled,omitempty"`
}

// HiddenLoad is what a name server knows of the clients behind a resolver key.
type HiddenLoad struct {
	Known    bool     `json:"known"`   // kept one by one; if not, nothing else is said
	Trusted  bool     `json:"trusted"` // borne out by what the servers have to do
	Rate     float64  `json:"sessions_per_second"`
	Share    float64  `json:"share"`               // of the hidden load of all keys, 0..1
	Keys     int      `json:"keys"`                // that are known
	Floor    Seconds  `json:"floor,omitempty"`     // the resolver's own least TTL
	Caches   float64  `json:"caches"`              // behind the key
	Seen     float64  `json:"seen,omitempty"`      // share of the keys' questions that come here; absent if unknown
	Held     []string `json:"held,omitempty"`      // IDs that it was told, and keeps
	HeldLeft Seconds  `json:"held_left,omitempty"` // for so long
}

// Bound is one reason for a TTL.
type Bound struct {
	Name   string  `json:"name"` // "record ttl", "min-ttl", "flip", "stale", ...
	TTL    Seconds `json:"ttl"`
	Server string  `json:"server,omitempty"` // ID
	Why    string  `json:"why,omitempty"`
}

// ExplainedMember is a server with the factors of its weight.
type ExplainedMember struct {
	MemberStatus
	Factors Factors `json:"factors"`
	Belief  *Belief `json:"belief,omitempty"`
}

// Belief is what a policy believes of a server, in parts of the whole demand and
// of the whole capacity.
type Belief struct {
	Load    float64 `json:"load"`
	Share   float64 `json:"share"`   // of the capacity, as learned from reports
	Longest Seconds `json:"longest"` // for which the key fits; 0 if it does not
}

// Factors are what a weight is the product of.
type Factors struct {
	Capacity float64 `json:"capacity"`
	Health   float64 `json:"health"`
	Headroom float64 `json:"headroom"`
	Ramp     float64 `json:"ramp"`
	Override float64 `json:"override"`
}
