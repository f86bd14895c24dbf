package ballast

import (
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

// maxFallback is how many names may fall back to one another. The zone parser
// knows only that the next name exists, not where the chain ends.
const maxFallback = 4

// fallback returns the records of the name that an LB record falls back to
// when nobody of its pool is live. They carry the LB name, and no longer a TTL
// than the LB name's answer would.
func (q *query) fallback(s *steer, fam policy.Family, owner string, ttl uint32) []dns.RR {
	for range maxFallback {
		rrs, next := q.resolve(s.record.LB.Fallback, fam)
		if next == nil {
			return adopted(rrs, owner, ttl)
		}
		s = next
		sv := s.served.Load()
		if choice := q.draw(s, sv, fam); choice.N > 0 {
			answer, _ := sv.records(nil, nil, fam, &choice)
			return adopted(answer, owner, ttl)
		}
		if sv.plan.Mode != policy.Fallback {
			return nil
		}
	}
	return nil
}

// qtypes are the query types of the families.
var qtypes = [policy.Families]uint16{policy.A: dns.TypeA, policy.AAAA: dns.TypeAAAA, policy.SRV: dns.TypeSRV}

// resolve finds the zone's own records of a name, or the steer that the name
// leads to by an alias or a wildcard.
func (q *query) resolve(owner string, fam policy.Family) ([]dns.RR, *steer) {
	qtype := qtypes[fam]
	a := q.data.parsed.Lookup(zones.Question{Name: owner, Key: owner, Type: qtype})
	if a.Result == zones.Steered {
		return nil, q.data.steers[a.LB.Name]
	}
	var rrs []dns.RR
	for _, rr := range a.Answer {
		if rr.Header().Rrtype == qtype { // a CNAME on the way cannot stand beside the LB name
			rrs = append(rrs, rr)
		}
	}
	return rrs, nil
}

func adopted(rrs []dns.RR, owner string, ttl uint32) []dns.RR {
	adopted := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = owner
		rr.Header().Ttl = max(1, min(rr.Header().Ttl, ttl))
		adopted[i] = rr
	}
	return adopted
}
