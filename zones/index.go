package zones

import (
	"strings"

	"github.com/miekg/dns"
)

// index finds a zone's data by name.
type index struct {
	origin string
	nodes  map[string]*node
	names  []string        // of nodes, in the order of the file
	exists map[string]bool // names with data at them or below
}

// node is what stands at one name.
type node struct {
	name    string // canonical
	records []*Record
	lbs     []*LBRecord
}

func newIndex(z *Zone) *index {
	x := &index{origin: z.Origin, nodes: map[string]*node{}, exists: map[string]bool{}}
	for i := range z.Records {
		n := x.add(canonical(z.Records[i].RR.Header().Name))
		n.records = append(n.records, &z.Records[i])
	}
	for i := range z.LBs {
		n := x.add(z.LBs[i].Name)
		n.lbs = append(n.lbs, &z.LBs[i])
	}
	return x
}

func (x *index) add(name string) *node {
	if n, ok := x.nodes[name]; ok {
		return n
	}
	n := &node{name: name}
	x.nodes[name] = n
	x.names = append(x.names, name)
	for above := range ancestors(name, x.origin) {
		if x.exists[above] {
			break
		}
		x.exists[above] = true
	}
	return n
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
// the wildcard that covers it (RFC 4592 section 3.3.1). The node is nil, and ok
// true, at an empty non-terminal.
func (x *index) find(name string) (n *node, ok bool) {
	if x.exists[name] {
		return x.nodes[name], true
	}
	for above := range ancestors(name, x.origin) {
		if x.exists[above] {
			n, ok = x.nodes["*."+strings.TrimPrefix(above, ".")]
			return n, ok
		}
	}
	return nil, false
}

// cut gives the delegation that a name is at or below: the topmost, if there
// are several.
func (x *index) cut(name string) *Record {
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
