package ballast

import (
	"slices"
	"time"

	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// prepare makes a reply into one that the dnssec plugin above signs well.
//
// Left alone, that plugin denies the alias where one leads to nothing, and lists
// the same types for every name, so that a validator which infers answers from
// denials (RFC 8198) takes a name's MX for denied, too. So we deny ourselves,
// with its keys and its cache: what is signed already it lets pass. Of an alias
// we give the alias alone, as the resolver will ask for what it leads to.
func (q *query) prepare(m *dns.Msg) {
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		*section = shortened(*section)
	}
	switch {
	case len(m.Ns) == 0 || m.Ns[0].Header().Rrtype != dns.TypeSOA:
	case len(m.Answer) > 0:
		m.Rcode, m.Ns = dns.RcodeSuccess, nil
	default:
		q.deny(m)
	}
}

// longestSigned is the original TTL that the dnssec plugin signs. A set must
// not have a longer one (RFC 4035 section 5.3.3).
const longestSigned = 3600

func shortened(rrs []dns.RR) []dns.RR {
	long := func(rr dns.RR) bool { return rr.Header().Ttl > longestSigned && rr.Header().Rrtype != dns.TypeOPT }
	if !slices.ContainsFunc(rrs, long) {
		return rrs
	}
	rrs = slices.Clone(rrs)
	for i, rr := range rrs {
		if long(rr) {
			rrs[i] = dns.Copy(rr)
			rrs[i].Header().Ttl = longestSigned
		}
	}
	return rrs
}

// deny proves a negative answer, compactly (RFC 9824): the name is said to
// exist, and to have all types that it may have but the one asked for; a name
// that does not exist has none.
func (q *query) deny(m *dns.Msg) {
	asked := q.r.Question[0]
	types := []uint16{dns.TypeNXNAME}
	if m.Rcode != dns.RcodeNameError {
		types = q.typesAt(q.qname)
	}
	none := denial(asked.Name, m.Ns[0].Header().Ttl, slices.DeleteFunc(types, func(t uint16) bool { return t == asked.Qtype }))
	if asked.Qtype == dns.TypeNSEC {
		m.Rcode, m.Answer, m.Ns = dns.RcodeSuccess, []dns.RR{none}, nil
		return
	}
	if signed := q.sign([]dns.RR{m.Ns[0], none}); len(signed) > 2 {
		m.Rcode, m.Ns = dns.RcodeSuccess, signed
	}
}

// sign returns records with their signatures; without if their zone is not
// among those that are signed.
func (q *query) sign(rrs []dns.RR) []dns.RR {
	m := &dns.Msg{Question: q.r.Question, Answer: rrs}
	return q.b.signer.Sign(request.Request{Req: m}, time.Now().UTC(), metrics.WithServer(q.ctx)).Answer
}

// denial is an NSEC that covers no other name.
func denial(owner string, ttl uint32, types []uint16) *dns.NSEC {
	types = append(types, dns.TypeRRSIG, dns.TypeNSEC)
	slices.Sort(types)
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: owner, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: ttl},
		NextDomain: successor(owner),
		TypeBitMap: slices.Compact(types),
	}
}

// successor is the name right after another (RFC 4034 section 6.1), or right
// after all names below it where that has no room.
func successor(name string) string {
	if name == "." {
		return `\000.`
	}
	next := `\000.` + name
	if _, ok := dns.IsDomainName(next); ok {
		return next
	}
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire, 0, nil, false)
	last := int(wire[0])
	if err != nil || wire[last] == 0xff {
		return name
	}
	if wire[last]++; wire[last] == 'A' { // would sort as 'a'
		wire[last] = 'Z' + 1
	}
	next, _, _ = dns.UnpackDomainName(wire[:n], 0)
	return next
}

// typesAt are the types that a name may have. For a steered one that is more
// than it has now: its pool may get servers with other addresses.
func (q *query) typesAt(key string) []uint16 {
	types, lb, ok := q.data.parsed.Types(key)
	if lb || !ok { // not in the file, but not denied either: below an LB name
		types = append(types, dns.TypeA, dns.TypeAAAA, dns.TypeSRV)
	}
	if key == q.zone.origin {
		types = append(types, dns.TypeDNSKEY)
	}
	return types
}
