package zones

import (
	"slices"

	"github.com/miekg/dns"
)

// rrset is what a lookup gives at once. Its slices have no spare capacity, so
// that whoever appends to an answer gets a copy.
type rrset struct {
	rrtype uint16
	rrs    []dns.RR
	sigs   []dns.RR // RRSIGs that cover it
	extra  []dns.RR // addresses of the names that it points to
	// signedExtra has the RRSIGs too (RFC 4035 section 3.1.1).
	signedExtra []dns.RR
}

// serve prepares the zone for lookups. Nothing is written to it afterwards.
func (z *Zone) serve() {
	z.index.prepare()
	z.denial = newDenial(z)
	z.soa = *z.index.nodes[z.Origin].set(dns.TypeSOA)
	z.deny()
}

// deny prepares the SOA of negative answers.
func (z *Zone) deny() {
	ttl := negativeTTL(z.SOA)
	z.negative = rrset{rrtype: dns.TypeSOA, rrs: withTTL(z.soa.rrs, ttl), sigs: withTTL(z.soa.sigs, ttl)}
}

// WithSerial is the zone under another serial. All else is shared, so it costs
// nothing. It is not for a zone whose SOA is signed.
func (z *Zone) WithSerial(serial uint32) *Zone {
	numbered, soa := *z, *z.SOA
	soa.Serial = serial
	numbered.SOA = &soa
	numbered.soa.rrs = []dns.RR{&soa}
	numbered.deny()
	return &numbered
}

// Signed tells whether the file has the SOA signed.
func (z *Zone) Signed() bool { return len(z.soa.sigs) > 0 }

// NegativeSOA is the SOA of negative answers.
func (z *Zone) NegativeSOA() *dns.SOA { return z.negative.rrs[0].(*dns.SOA) }

// negativeTTL is how long a negative answer may be cached (RFC 2308 section 3).
func negativeTTL(soa *dns.SOA) uint32 { return min(soa.Hdr.Ttl, soa.Minttl) }

func withTTL(rrs []dns.RR, ttl uint32) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Ttl = ttl
	}
	return out
}

func (x *index) prepare() {
	for _, n := range x.nodes {
		n.gather()
		n.cut = x.topCut(n.name)
		if above, ok := wildcardOf(n.name); ok && x.nodes[above] != nil {
			x.nodes[above].wild = n
		}
	}
	for _, n := range x.nodes {
		for i := range n.rrsets {
			s := &n.rrsets[i]
			s.extra = x.addresses(s, n, false)
			if s.signedExtra = x.addresses(s, n, true); len(s.signedExtra) == len(s.extra) {
				s.signedExtra = s.extra
			}
		}
	}
}

// wildcardOf gives the name that a wildcard stands below.
func wildcardOf(name string) (string, bool) {
	if len(name) < 2 || name[:2] != "*." {
		return "", false
	}
	if name == "*." {
		return ".", true
	}
	return name[2:], true
}

// gather sorts a node's records into sets, in the order of the file.
func (n *node) gather() {
	for _, r := range n.records {
		if sig, ok := r.RR.(*dns.RRSIG); ok {
			s := n.setFor(sig.TypeCovered)
			s.sigs = append(s.sigs, sig)
			continue
		}
		s := n.setFor(r.RR.Header().Rrtype)
		s.rrs = append(s.rrs, r.RR)
	}
	n.rrsets = slices.DeleteFunc(n.rrsets, func(s rrset) bool { return len(s.rrs) == 0 })
	for i := range n.rrsets {
		s := &n.rrsets[i]
		s.rrs, s.sigs = slices.Clip(s.rrs), slices.Clip(s.sigs)
	}
}

func (n *node) setFor(rrtype uint16) *rrset {
	if s := n.set(rrtype); s != nil {
		return s
	}
	n.rrsets = append(n.rrsets, rrset{rrtype: rrtype})
	return &n.rrsets[len(n.rrsets)-1]
}

// set gives the node's records of a type, or nil.
func (n *node) set(rrtype uint16) *rrset {
	for i := range n.rrsets {
		if n.rrsets[i].rrtype == rrtype {
			return &n.rrsets[i]
		}
	}
	return nil
}

// topCut is the topmost delegation at a name or above it, or nil.
func (x *index) topCut(name string) *node {
	if ns := x.delegation(name); ns != nil {
		return x.nodes[canonical(ns.RR.Header().Name)]
	}
	return nil
}

// addresses are the zone's own addresses of the names that a set points to
// (RFC 1035 section 3.3: "additional section processing"). What stands below a
// delegation is glue and goes with a delegation only (RFC 2181 section 5.4.1);
// that of its own servers comes first, as it must not be lost (RFC 9471).
func (x *index) addresses(s *rrset, n *node, signed bool) []dns.RR {
	if !slices.Contains([]uint16{dns.TypeNS, dns.TypeMX, dns.TypeSRV}, s.rrtype) {
		return nil
	}
	var own, others []dns.RR
	seen := map[*node]bool{}
	for _, rr := range s.rrs {
		host := x.nodes[target(rr)]
		switch {
		case host == nil || seen[host]:
		case host.cut == nil:
			others = append(others, host.addresses(signed)...)
		case s.rrtype != dns.TypeNS:
		case host.cut == n:
			own = append(own, host.addresses(signed)...)
		default:
			others = append(others, host.addresses(signed)...)
		}
		seen[host] = true
	}
	return slices.Clip(append(own, others...))
}

func (n *node) addresses(signed bool) []dns.RR {
	var out []dns.RR
	for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if s := n.set(t); s != nil {
			out = append(out, s.rrs...)
			if signed {
				out = append(out, s.sigs...)
			}
		}
	}
	return out
}
