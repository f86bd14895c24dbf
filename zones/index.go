package zones

import (
	"strings"

	"github.com/miekg/dns"
)

// index finds a zone's data by name.
type index struct {
	origin string
	nodes  map[string]*node // names with data at them or below
	names  []string         // of nodes with data, in the order of the file
}

// node is a name that exists. It may have no data: an empty non-terminal
// (RFC 4592 section 2.2.2).
type node struct {
	name    string // canonical
	records []*Record
	lbs     []*LBRecord

	// For lookups; see serve.
	rrsets []rrset
	wild   *node // the wildcard directly below
	cut    *node // the topmost delegation at the name or above, which hides it
}

func newIndex(z *Zone) *index {
	x := &index{origin: z.Origin, nodes: map[string]*node{}}
	for i := range z.Records {
		if hashed(z.Records[i].RR) {
			continue
		}
		n := x.add(canonical(z.Records[i].RR.Header().Name))
		n.records = append(n.records, &z.Records[i])
	}
	for i := range z.LBs {
		n := x.add(z.LBs[i].Name)
		n.lbs = append(n.lbs, &z.LBs[i])
	}
	return x
}

// hashed tells whether a record stands at the hash of a name, which is no name
// that exists (RFC 5155 section 7.2.8).
func hashed(rr dns.RR) bool {
	if sig, ok := rr.(*dns.RRSIG); ok {
		return sig.TypeCovered == dns.TypeNSEC3
	}
	return rr.Header().Rrtype == dns.TypeNSEC3
}

// add makes the node of a name that has data, and those of the names above it.
func (x *index) add(name string) *node {
	n := x.nodes[name]
	if n == nil {
		n = &node{name: name}
		x.nodes[name] = n
		x.above(name)
	}
	if len(n.records) == 0 && len(n.lbs) == 0 {
		x.names = append(x.names, name)
	}
	return n
}

func (x *index) above(name string) {
	for above := range ancestors(name, x.origin) {
		if above == name {
			continue
		}
		if x.nodes[above] != nil {
			break
		}
		x.nodes[above] = &node{name: above}
	}
}

// of gives the records of a type. A nil node has none.
func (n *node) of(rrtype uint16) []*Record {
	if n == nil {
		return nil
	}
	var out []*Record
	for _, r := range n.records {
		if r.RR.Header().Rrtype == rrtype {
			out = append(out, r)
		}
	}
	return out
}

// first gives the first record of the types, or nil.
func (n *node) first(rrtypes ...uint16) *Record {
	if n == nil {
		return nil
	}
	for _, r := range n.records {
		for _, t := range rrtypes {
			if r.RR.Header().Rrtype == t {
				return r
			}
		}
	}
	return nil
}

// hasAddress tells whether somebody who asks for the name's address gets one.
func (n *node) hasAddress() bool {
	return n.first(dns.TypeA, dns.TypeAAAA) != nil || n != nil && len(n.lbs) > 0
}

// find gives the node that answers for a canonical name: its own, or that of
// the wildcard that covers it (RFC 4592 section 3.3.1), or nil.
func (x *index) find(name string) *node {
	n, encloser := x.closest(name)
	if n == nil && encloser != nil {
		n = x.nodes["*."+strings.TrimPrefix(encloser.name, ".")]
	}
	return n
}

// closest gives the node of a canonical name, which is nil if it does not
// exist, and that of its closest encloser (RFC 4592 section 3.3.1), which is
// nil only outside of the zone.
func (x *index) closest(name string) (n, encloser *node) {
	if n := x.nodes[name]; n != nil {
		return n, n
	}
	for off, end := dns.NextLabel(name, 0); !end; off, end = dns.NextLabel(name, off) {
		if n := x.nodes[name[off:]]; n != nil {
			return nil, n
		}
	}
	return nil, x.nodes["."]
}

// delegation gives the NS record of the delegation that a name is at or below: the topmost, if there
// are several.
func (x *index) delegation(name string) *Record {
	var top *Record
	for above := range ancestors(name, x.origin) {
		if above == x.origin {
			break
		}
		if ns := x.nodes[above].first(dns.TypeNS); ns != nil {
			top = ns
		}
	}
	return top
}

// inside tells whether a canonical name belongs to the zone.
func (x *index) inside(name string) bool { return dns.IsSubDomain(x.origin, name) }

// target is the name that a record points to, and "" for types that do not.
func target(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.NS:
		return canonical(rr.Ns)
	case *dns.MX:
		return canonical(rr.Mx)
	case *dns.SRV:
		return canonical(rr.Target)
	case *dns.CNAME:
		return canonical(rr.Target)
	case *dns.DNAME:
		return canonical(rr.Target)
	}
	return ""
}
