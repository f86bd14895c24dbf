package control

import "net/netip"

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
	Name    string            `json:"name"` // fully qualified
	Zone    string            `json:"zone"`
	Type    string            `json:"type"`
	Key     string            `json:"key,omitempty"` // the resolver key that was used
	Source  string            `json:"source"`
	Policy  string            `json:"policy"`
	Mode    string            `json:"mode"`
	Reason  string            `json:"reason,omitempty"`
	TTL     Seconds           `json:"ttl"`
	Bounds  []Bound           `json:"bounds"` // all that were considered; the shortest, clipped to the record's limits, is TTL
	Members []ExplainedMember `json:"members"`
	Drawn   []string          `json:"drawn"` // IDs that this key gets now
	// Sampled tells that Drawn is one sample of a weighted draw: the next
	// query may get other servers, by their shares.
	Sampled bool `json:"sampled,omitempty"`
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
}

// Factors are what a weight is the product of.
type Factors struct {
	Capacity float64 `json:"capacity"`
	Health   float64 `json:"health"`
	Headroom float64 `json:"headroom"`
	Ramp     float64 `json:"ramp"`
	Override float64 `json:"override"`
}
