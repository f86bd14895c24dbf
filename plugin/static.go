package ballast

import (
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// static answers from the zone file's own records, and follows them to LB
// names: through an alias, or from a wildcard.
func (q *query) static() (int, error) {
	asked := q.r.Question[0]
	a, virtual := q.below(q.qname, asked.Name, asked.Qtype)
	a.Name = asked.Name
	if !virtual {
		a = q.data.parsed.Lookup(zones.Question{
			Name: asked.Name, Key: q.qname, Type: lookupType(asked.Qtype), Signed: wantsSignatures(q.r),
		})
		q.follow(&a, asked.Qtype)
	}
	if a.Result == zones.NameError && len(a.Answer) == 0 && q.zone.cfg.fall.Through(q.qname) {
		return plugin.NextOrFailure(name, q.b.Next, q.ctx, q.w, q.r)
	}
	return q.write(&a)
}

// lookupType is the type to look up: nobody gets to see LB records.
func lookupType(qtype uint16) uint16 {
	if qtype == zones.TypeLB {
		return dns.TypeNone
	}
	return qtype
}

// follow goes on where a lookup came to a name that no zone file can answer
// for: an LB name, or one that exists because of it.
func (q *query) follow(a *zones.Answer, qtype uint16) {
	switch a.Result {
	case zones.Steered:
		q.through(a, q.data.steers[a.LB.Name], family(qtype))
	case zones.NameError:
		if len(a.Answer) == 0 {
			return
		}
		if b, ok := q.below(dns.CanonicalName(a.Name), a.Name, qtype); ok {
			b.Name = a.Name
			b.Answer = append(a.Answer[:len(a.Answer):len(a.Answer)], b.Answer...)
			*a = b
		}
	}
}

// through adds what a pool gives now to the aliases that led to its name.
func (q *query) through(a *zones.Answer, s *steer, fam policy.Family) {
	aliases := len(a.Answer)
	a.Answer, a.Extra = q.members(s, a.Answer[:aliases:aliases], fam, a.Name)
	a.Result = zones.Success
	if len(a.Answer) == aliases {
		a.Result, a.Ns = zones.NoData, q.data.negative(s.served.Load().negativeTTL())
	}
}

// rcodes of lookups that are not NOERROR.
var rcodes = map[zones.Result]int{zones.NameError: dns.RcodeNameError, zones.TooLong: dns.RcodeYXDomain}

// write sends what was found.
func (q *query) write(a *zones.Answer) (int, error) {
	m := q.reply()
	m.Rcode = rcodes[a.Result]
	m.Authoritative = a.Authoritative()
	if a.Result == zones.Success && len(a.Answer) == 0 { // only ANY gives nothing of what is there
		a.Answer = []dns.RR{anyRecord(q.r.Question[0].Name)}
	}
	m.Answer, m.Ns, m.Extra = a.Answer, a.Ns, a.Extra
	return q.send(m)
}

// anyRecord is the answer to ANY for a name that exists (RFC 8482 section 4.2).
func anyRecord(owner string) dns.RR {
	return &dns.HINFO{
		Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3600},
		Cpu: "RFC8482",
	}
}
