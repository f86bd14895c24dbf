package policy

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// Insight is what a Learner goes by for one resolver key.
type Insight struct {
	Choice  Choice // what the key would get now
	Sampled bool   // drawn by weight: another question may get others
	Hidden  Hidden
	Bounds  []Bound // of the TTL: the key's own, and the plan's
	// Servers are what is believed of the plan's members, in their order; nil
	// for policies that believe nothing.
	Servers   []Believed
	Tolerance float64 // by how much a server may be loaded beyond its share
}

// Hidden is what is known of a resolver key.
type Hidden struct {
	Known   bool          // it is kept one by one
	Trusted bool          // it counts: what the servers have to do bears it out
	Rate    float64       // sessions behind it, per second
	Weight  float64       // of all that are known, 0..1
	Keys    int           // that are known and count
	Floor   time.Duration // its own least TTL, if it has one
	Caches  float64       // behind the key
	Share   float64       // of its questions that come here; 0 if unknown
	Held    []uint16      // members that it was told, of those that are in
	Left    time.Duration // for which it keeps them
}

// Believed is what is believed of one server. Loads and shares are parts of the
// whole demand, and of the whole capacity.
type Believed struct {
	Load    float64
	Share   float64       // of the capacity, as learned
	Longest time.Duration // for which the key would fit; 0 if it does not
	Age     time.Duration // of its report; negative if there is none
}

// Survey is what a Learner believes of a name at a moment, for metrics.
type Survey struct {
	Keys    int     // resolver keys that are kept
	Queries float64 // that answers as given cause, over those of a constant mean-ttl; 0 if unknown
	Servers map[string]Believed
}

// hiddenOf describes a key's record.
func hiddenOf(keys *hidden.Store, p *Plan, q Query, now int64) (Hidden, hidden.Record) {
	c := keys.Census()
	h := Hidden{Keys: c.Keys, Share: c.Share}
	key, ok := hidden.KeyOf(q.Key, uint8(q.Family))
	if !ok {
		return h, hidden.Record{}
	}
	r, known := keys.Look(key)
	if !known {
		return h, hidden.Record{}
	}
	h.Known, h.Trusted = true, c.Trusts(&r)
	h.Rate, h.Weight = r.Rate(), c.Weight(r.Rate())
	h.Floor = time.Duration(r.Floor() * float64(time.Second)).Round(time.Second)
	h.Caches = r.Caches()
	if left := time.Duration(r.Held.Until - now); left > 0 {
		h.Left = left.Round(time.Second)
		for _, slot := range r.Held.Servers[:r.Held.N] {
			if m, ok := p.view.member(slot); ok {
				h.Held = append(h.Held, m)
			}
		}
	}
	return h, r
}

// member is the member with a number, if it is in.
func (v *view) member(slot uint16) (uint16, bool) {
	if int(slot) >= len(v.members) || v.members[slot] < 0 {
		return 0, false
	}
	return uint16(v.members[slot]), true
}
