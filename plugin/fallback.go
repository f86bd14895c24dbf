package ballast

import (
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/request"
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
		next := q.data.steers[s.record.LB.Fallback]
		if next == nil {
			return adopted(q.staticRecords(s.record.LB.Fallback, fam), owner, ttl)
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

// staticRecords looks the zone's own records of a name up.
func (q *query) staticRecords(owner string, fam policy.Family) []dns.RR {
	qtype := map[policy.Family]uint16{policy.A: dns.TypeA, policy.AAAA: dns.TypeAAAA, policy.SRV: dns.TypeSRV}[fam]
	r := &dns.Msg{Question: []dns.Question{{Name: owner, Qtype: qtype, Qclass: dns.ClassINET}}}
	answer, _, _, _ := q.data.static.Lookup(q.ctx, request.Request{W: q.w, Req: r}, owner)
	var rrs []dns.RR
	for _, rr := range answer {
		if rr.Header().Rrtype == qtype { // a CNAME on the way cannot stand beside the LB name
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

func adopted(rrs []dns.RR, owner string, ttl uint32) []dns.RR {
	adopted := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = owner
		rr.Header().Ttl = min(rr.Header().Ttl, ttl)
		adopted[i] = rr
	}
	return adopted
}
