package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Zone is what a zone holds, as read by miekg/dns: the parser under test has
// no part in it.
type Zone struct {
	Origin string
	sets   map[string]map[uint16][]dns.RR // by canonical owner
	exists map[string]bool                // canonical names with data at or below them
}

// ReadZone reads a zone file.
func ReadZone(text, origin string) (*Zone, error) {
	z := &Zone{Origin: dns.CanonicalName(origin), sets: map[string]map[uint16][]dns.RR{}, exists: map[string]bool{}}
	zp := dns.NewZoneParser(strings.NewReader(text), origin, "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		z.add(rr)
	}
	if err := zp.Err(); err != nil {
		return nil, fmt.Errorf("zone %s: %w", origin, err)
	}
	return z, nil
}

func (z *Zone) add(rr dns.RR) {
	owner := canonical(rr.Header().Name)
	if z.sets[owner] == nil {
		z.sets[owner] = map[uint16][]dns.RR{}
	}
	t := rr.Header().Rrtype
	z.sets[owner][t] = append(z.sets[owner][t], rr)
	if covered(rr) == dns.TypeNSEC3 { // its owner is no name of the zone (RFC 5155 section 7.1)
		return
	}
	for at := owner; !z.exists[at]; at = parent(at) {
		z.exists[at] = true
		if at == z.Origin {
			break
		}
	}
}

// canonical is the spelling in which names are compared.
func canonical(name string) string { return dns.CanonicalName(spelt(name)) }

// spelt is a name with its escapes as if it were read from a message.
func spelt(name string) string {
	var wire [256]byte
	if n, err := dns.PackDomainName(name, wire[:], 0, nil, false); err == nil {
		if text, _, err := dns.UnpackDomainName(wire[:n], 0); err == nil {
			return text
		}
	}
	return name
}

func parent(name string) string {
	if at, end := dns.NextLabel(name, 0); !end {
		return name[at:]
	}
	return "."
}

// inside tells whether a name belongs to the zone.
func (z *Zone) inside(name string) bool { return dns.IsSubDomain(z.Origin, name) }

// holds tells whether a record is in the zone.
func (z *Zone) holds(rr dns.RR) bool { return among(rr, z.sets[canonical(rr.Header().Name)]) }

// covers tells whether a wildcard makes the record.
func (z *Zone) covers(rr dns.RR) bool {
	name := canonical(rr.Header().Name)
	return z.inside(name) && !z.exists[name] && among(rr, z.wildcard(name))
}

func among(rr dns.RR, sets map[uint16][]dns.RR) bool {
	h := rr.Header()
	return slices.ContainsFunc(sets[h.Rrtype], func(own dns.RR) bool {
		return own.Header().Ttl == h.Ttl && data(own) == data(rr)
	})
}

// wildcard is what stands at the wildcard for a name that does not exist (RFC
// 4592 section 3.3.1).
func (z *Zone) wildcard(name string) map[uint16][]dns.RR {
	at := parent(name)
	for !z.exists[at] {
		at = parent(at)
	}
	return z.sets["*."+strings.TrimPrefix(at, ".")]
}

// cut is the delegation that a name is at or below, the topmost; empty if
// there is none.
func (z *Zone) cut(name string) string {
	top := ""
	for at := canonical(name); z.inside(at) && at != z.Origin; at = parent(at) {
		if len(z.sets[at][dns.TypeNS]) > 0 {
			top = at
		}
	}
	return top
}

// endless tells whether a name leads to others for ever, or for long.
func (z *Zone) endless(name string) bool {
	const long = 16
	name = canonical(name)
	for range long {
		if name = z.next(name); name == "" {
			return false
		}
	}
	return true
}

// next is the name that an alias leads to, canonical; empty at the end.
func (z *Zone) next(name string) string {
	if !z.inside(name) || z.cut(name) != "" {
		return ""
	}
	for at := name; at != z.Origin; {
		at = parent(at)
		if d := z.sets[at][dns.TypeDNAME]; len(d) > 0 {
			return z.replaced(name, at, canonical(d[0].(*dns.DNAME).Target))
		}
	}
	sets := z.sets[name]
	if !z.exists[name] {
		sets = z.wildcard(name)
	}
	if cname := sets[dns.TypeCNAME]; len(cname) > 0 {
		return canonical(cname[0].(*dns.CNAME).Target)
	}
	return ""
}

// replaced puts another end on a name (RFC 6672 section 2.2); it is empty if
// it would be too long.
func (*Zone) replaced(name, end, other string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, end), ".") + "." + strings.TrimPrefix(other, ".")
	if _, ok := dns.IsDomainName(name); !ok {
		return ""
	}
	return name
}
