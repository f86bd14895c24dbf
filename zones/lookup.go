package zones

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Result is how a lookup ended (RFC 1034 section 4.3.2).
type Result uint8

// The results of a lookup, with what is in the answer.
const (
	Success   Result = iota // records of the type, or aliases that lead out of the zone
	NoData                  // the name exists, nothing of the type does: SOA in Ns
	NameError               // the name does not exist: SOA in Ns
	Referral                // the name belongs to a delegated zone: NS in Ns, glue in Extra
	TooLong                 // a DNAME gives a name that is too long (RFC 6672 section 2.2): YXDOMAIN
	Steered                 // the name has an LB record: its pool has the answer
)

// Question is what a lookup asks for.
type Question struct {
	Name   string // as it was asked
	Key    string // Name in lower case
	Type   uint16
	Signed bool // with DNSSEC records (RFC 3225: the DO bit)
}

// Answer is what a zone says to a question. Its slices are shared: they may be
// appended to, but their records not be written to.
type Answer struct {
	Result            Result
	Answer, Ns, Extra []dns.RR
	// Name is where the aliases in Answer led to; the question's name without
	// any.
	Name string
	// LB is the record that steers Name, if the result is Steered.
	LB *LBRecord
}

// Authoritative tells whether the AA bit is to be set. It is about the first
// name of the answer (RFC 1035 section 4.1.1).
func (a *Answer) Authoritative() bool { return a.Result != Referral || len(a.Answer) > 0 }

// maxAliases is how many aliases of a zone are followed, one to the next.
const maxAliases = 16

// Lookup answers a question whose name is in the zone. ANY gives the CNAME of a
// name that has one and else no records, with Success where any exist (RFC 8482
// section 4.2 leaves it to the caller to make one). It waits for nothing, and
// allocates nothing where records can be given as they are.
func (z *Zone) Lookup(q Question) Answer {
	l := lookup{zone: z, index: z.index, q: q}
	l.a.Name = q.Name
	key := q.Key
	var seen [maxAliases]string
	for i := range seen {
		seen[i] = key
		next := l.step(key)
		if next == "" {
			break
		}
		l.a.Name, key = next, canonical(next)
		if !dns.IsSubDomain(z.Origin, key) || slices.Contains(seen[:i+1], key) {
			break // another zone's to answer, or a circle
		}
	}
	if len(l.proof) > 0 {
		l.a.Ns = slices.Concat(l.a.Ns, l.proof)
	}
	return l.a
}

// Exists tells whether a canonical name, or one below it, has data.
func (z *Zone) Exists(name string) bool { return z.index.nodes[name] != nil }

// lookup is one on its way.
type lookup struct {
	zone  *Zone
	index *index
	q     Question
	a     Answer
	proof []dns.RR // of what is not there, for Ns
}

// step answers for one name, or gives the next that an alias leads to.
func (l *lookup) step(key string) (next string) {
	n, encloser := l.index.closest(key)
	switch cut := encloser.cut; {
	case cut != nil && !(n == cut && l.q.Type == dns.TypeDS): // DS is the parent's (RFC 4035 section 3.1.4.1)
		l.refer(cut)
		return ""
	case n != nil:
		return l.at(n, false)
	}
	if dname := encloser.set(dns.TypeDNAME); dname != nil {
		return l.substitute(dname, encloser.name)
	}
	if encloser.wild != nil {
		l.denyExpansion(encloser, key)
		return l.at(encloser.wild, true)
	}
	l.negative(NameError)
	l.denyName(encloser, key)
	return ""
}

// at answers from a node: the name's own, or the wildcard that it is made from.
func (l *lookup) at(n *node, synthesized bool) (next string) {
	if s := l.set(n); s != nil {
		l.give(s, synthesized)
		l.a.Extra = l.extra(s)
		return ""
	}
	if l.q.Type == dns.TypeRRSIG && l.signatures(n, synthesized) { // beside a CNAME too (RFC 4034 section 3)
		return ""
	}
	if cname := n.set(dns.TypeCNAME); cname != nil {
		l.give(cname, synthesized)
		if l.q.Type == dns.TypeANY {
			return ""
		}
		return cname.rrs[0].(*dns.CNAME).Target
	}
	switch {
	case len(n.lbs) > 0 && steerable(l.q.Type):
		l.a.Result, l.a.LB = Steered, n.lbs[0]
	case l.q.Type == dns.TypeANY && (len(n.rrsets) > 0 || len(n.lbs) > 0):
	default:
		l.negative(NoData)
		l.denyType(n, synthesized)
	}
	return ""
}

// set is what a node has of the type that is asked for.
func (l *lookup) set(n *node) *rrset {
	if l.q.Type == dns.TypeSOA && n.name == l.zone.Origin {
		return &l.zone.soa
	}
	return n.set(l.q.Type)
}

// extra gives the addresses that go with a set.
func (l *lookup) extra(s *rrset) []dns.RR {
	if l.q.Signed {
		return s.signedExtra
	}
	return s.extra
}

func steerable(rrtype uint16) bool {
	return rrtype == dns.TypeA || rrtype == dns.TypeAAAA || rrtype == dns.TypeSRV
}

// give adds a set to the answer, under the name that was asked for.
func (l *lookup) give(s *rrset, synthesized bool) {
	if s.rrtype == dns.TypeDNAME && slices.Contains(l.a.Answer, s.rrs[0]) {
		return // a chain may come by twice (RFC 2181 section 5)
	}
	rrs := s.rrs
	if l.q.Signed && len(s.sigs) > 0 {
		rrs = slices.Concat(s.rrs, s.sigs)
	}
	if synthesized {
		rrs = renamed(rrs, l.a.Name)
	}
	if len(l.a.Answer) == 0 {
		l.a.Answer = rrs
		return
	}
	l.a.Answer = append(l.a.Answer, rrs...)
}

// renamed are copies of a wildcard's records under another name (RFC 4592
// section 2.1.1).
func renamed(rrs []dns.RR, owner string) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = owner
	}
	return out
}

// substitute follows a DNAME above the name (RFC 6672 section 3.2).
func (l *lookup) substitute(dname *rrset, owner string) (next string) {
	l.give(dname, false)
	d := dname.rrs[0].(*dns.DNAME)
	prefix := l.a.Name[:len(l.a.Name)-len(owner)]
	if owner == "." {
		prefix = l.a.Name
	}
	next = prefix + strings.TrimPrefix(d.Target, ".")
	if !fits(next) {
		l.a.Result = TooLong
		return ""
	}
	l.a.Answer = append(l.a.Answer, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: l.a.Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl},
		Target: next,
	})
	if l.q.Type == dns.TypeCNAME { // it is what was asked for
		return ""
	}
	return next
}

// fits tells whether a name has at most 255 octets (RFC 1035 section 2.3.4).
// dns.IsDomainName lets one more pass.
func fits(name string) bool {
	var wire [256]byte
	n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
	return err == nil && n <= 255
}

// refer sends the client to the delegated zone's servers.
func (l *lookup) refer(cut *node) {
	ns := cut.set(dns.TypeNS)
	l.a.Result, l.a.Ns, l.a.Extra = Referral, ns.rrs, l.extra(ns)
	if l.q.Signed {
		l.secure(cut)
	}
}

// negative says with the SOA that something does not exist.
func (l *lookup) negative(r Result) {
	l.a.Result, l.a.Ns = r, l.zone.negative.rrs
	if l.q.Signed && len(l.zone.negative.sigs) > 0 {
		l.a.Ns = slices.Concat(l.a.Ns, l.zone.negative.sigs)
	}
}

// Types lists the types of records that a canonical name has, be it by a
// wildcard, and tells whether it has an LB record. At a delegation these are NS
// and DS (RFC 4035 section 2.3). ok is false if the name does not exist.
func (z *Zone) Types(name string) (types []uint16, lb, ok bool) {
	n := z.index.find(name)
	if n == nil {
		return nil, false, false
	}
	for i := range n.rrsets {
		if t := n.rrsets[i].rrtype; n.cut == nil || t == dns.TypeNS || t == dns.TypeDS {
			types = append(types, t)
		}
	}
	return types, len(n.lbs) > 0, true
}
