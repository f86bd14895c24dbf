package world

import (
	"math"
	"net/netip"
)

// resolver caches one answer for its clients.
type resolver struct {
	key      netip.Prefix
	floor    float64
	prefetch bool
	stale    bool
	whole    bool

	answer  []int
	since   float64
	expires float64
}

// newResolvers makes the domains' resolvers. Those of a kind are spread over
// heavy and light ones.
func newResolvers(p *Params) []*resolver {
	list := make([]*resolver, p.Domains)
	r := p.Resolvers
	for i := range list {
		list[i] = &resolver{
			key:      netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 53, byte(i >> 8), byte(i)}), 32),
			prefetch: spread(i, p.Domains, r.Prefetch, 1),
			stale:    spread(i, p.Domains, r.ServeStale, 2),
			whole:    r.WholeTTL,
		}
		if spread(i, p.Domains, r.Floored, 0) {
			list[i].floor = r.Floor
		}
	}
	return list
}

// spread tells whether the ith of n is among a share of them that is spread
// evenly, beginning at first.
func spread(i, n int, share float64, first int) bool {
	if share <= 0 {
		return false
	}
	at := (i - first + n) % n
	return math.Floor(float64(at)*share) != math.Floor(float64(at-1)*share)
}

// lookup gives a client an answer, and asks the name server when it must.
func (r *resolver) lookup(now float64, ask func() ([]int, float64)) []int {
	expired := now >= r.expires
	early := r.prefetch && r.expires-now < 0.1*(r.expires-r.since)
	if r.answer != nil && !expired && !early {
		return r.answer
	}
	old := r.answer
	answer, ttl := ask()
	r.answer = append([]int(nil), answer...)
	r.since = now
	r.expires = now + max(ttl, r.floor)
	if r.whole {
		r.expires = math.Floor(now) + max(ttl, r.floor) + 1
	}
	if old != nil && (!expired || r.stale) {
		return old // who asked has the old one; those after it get the new
	}
	return r.answer
}
