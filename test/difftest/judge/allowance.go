package judge

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// pair is two answers of which one may differ from the other.
type pair struct {
	*Case
	a, b *Answer
}

// allowance is a difference that the RFCs leave open.
type allowance struct {
	name string
	fits func(*pair, Delta) bool
}

var allowances = []allowance{
	{"apex NS beside a positive answer", apexNS},
	{"additional records", additional},
	{"addresses from a wildcard", wildGlue},
	{"glue that had no room", crowded},
	{"ANY", anything},
	{"the proofs of both", joined},
	{"RRSIG", signatures},
	{"endless chain", endless},
	{"SOA beside YXDOMAIN", tooLong},
	{"DS beside a referral, unsigned", unsignedDS},
}

// apexNS: a server may say who else serves the zone. RFC 1034 section 6.2.1
// does so in its examples, section 4.3.2 does not ask for it.
func apexNS(p *pair, d Delta) bool {
	return d.Section == Authority && d.is(dns.TypeNS) && canonical(d.RR.Header().Name) == p.Zone.Origin &&
		p.Zone.holds(d.RR) && len(p.a.Msg.Answer) > 0 && len(p.b.Msg.Answer) > 0
}

// additional: what may be useful (RFC 1034 section 4.3.2 step 6, RFC 9460
// section 4.1), if it is the zone's. Not so the glue of a referral, be it at
// the end of a chain.
func additional(p *pair, d Delta) bool {
	return d.Section == Additional && p.Zone.holds(d.RR) && p.refers(p.a) == "" && p.refers(p.b) == ""
}

// wildGlue: NSD and Knot also make addresses for the additional section from
// wildcards, be they behind the cut. Wildcards are for the name that is asked
// for (RFC 4592 section 3.3.1), and no glue by RFC 9471 section 2.
func wildGlue(p *pair, d Delta) bool {
	return d.Section == Additional && d.is(dns.TypeA, dns.TypeAAAA) && p.Zone.covers(d.RR)
}

// crowded: glue for sibling name servers may be left out of a message that is
// full (RFC 9471 section 3.2). Not so that of servers below the cut.
func crowded(p *pair, d Delta) bool {
	return d.Section == Additional && d.is(dns.TypeA, dns.TypeAAAA) && p.Zone.holds(d.RR) &&
		!dns.IsSubDomain(p.refers(p.b), canonical(d.RR.Header().Name)) && max(p.a.size(), p.b.size()) > p.room()
}

// anything: ANY may be answered by some of the records, or by one that is made
// up (RFC 8482).
func anything(p *pair, d Delta) bool {
	return p.Question.Qtype == dns.TypeANY && d.Section != Header
}

// joined: where the others prove different parts of what is not there, ours may
// prove all (RFC 4035 section 3.1.3).
func joined(p *pair, d Delta) bool {
	return p.a == p.Ours && d.Extra && d.Section == Authority && d.is(dns.TypeNSEC, dns.TypeNSEC3) &&
		slices.ContainsFunc(p.Others, func(r Reference) bool { return r.Answer.sections[Authority][Key(d.RR)] != nil })
}

// signatures: those of a name say nothing without what they cover (RFC 4035
// section 3.1.1): who asks for them alone may get some of them, as for ANY.
func signatures(p *pair, d Delta) bool {
	return p.Question.Qtype == dns.TypeRRSIG && d.RR != nil && d.RR.Header().Rrtype == dns.TypeRRSIG
}

// endless: RFC 1034 section 3.6.2 wants chains followed and loops signalled as
// an error, RFC 6672 section 2.2 has them end where the name is too long.
// Where a server ends one is its own to choose, as resolvers have a limit too.
func endless(p *pair, d Delta) bool {
	rcodes := []int{dns.RcodeSuccess, dns.RcodeYXDomain}
	return p.Zone.endless(p.Question.Name) && p.Question.Qtype != dns.TypeCNAME &&
		slices.Contains(rcodes, p.a.Msg.Rcode) && slices.Contains(rcodes, p.b.Msg.Rcode) &&
		(d.is(dns.TypeCNAME, dns.TypeDNAME, dns.TypeSOA) || strings.HasPrefix(d.What, "rcode"))
}

// tooLong: RFC 6672 says nothing of the authority section.
func tooLong(p *pair, d Delta) bool {
	return p.a.Msg.Rcode == dns.RcodeYXDomain && p.b.Msg.Rcode == dns.RcodeYXDomain && d.Section == Authority && d.is(dns.TypeSOA)
}

// unsignedDS: RFC 4035 section 3.1.4 asks for it where the zone is signed. One
// that the dnssec plugin signs later has no signatures here.
func unsignedDS(p *pair, d Delta) bool {
	return d.Section == Authority && d.is(dns.TypeDS) && p.Zone.holds(d.RR) && len(p.Zone.sets[p.Zone.Origin][dns.TypeDNSKEY]) == 0
}
