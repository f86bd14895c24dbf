package zones

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// denial is the chain of NSEC or NSEC3 records of a zone that was signed before
// it came here. It proves what is not there (RFC 4035 section 3.1.3, RFC 5155
// section 7.2).
type denial struct {
	links  []link // in canonical order
	params *dns.NSEC3
}

// link is one NSEC or NSEC3 with its signatures.
type link struct {
	key string
	rrs []dns.RR
}

// newDenial gives the chain of a zone, or nil if it has none.
func newDenial(z *Zone) *denial {
	d, sigs := &denial{}, map[string][]dns.RR{}
	for i := range z.Records {
		switch rr := z.Records[i].RR.(type) {
		case *dns.NSEC:
			d.links = append(d.links, link{sortKey(rr.Hdr.Name), []dns.RR{rr}})
		case *dns.NSEC3:
			d.params = rr
			d.links = append(d.links, link{hashLabel(rr), []dns.RR{rr}})
		case *dns.RRSIG:
			if rr.TypeCovered == dns.TypeNSEC || rr.TypeCovered == dns.TypeNSEC3 {
				owner := canonical(rr.Hdr.Name)
				sigs[owner] = append(sigs[owner], rr)
			}
		}
	}
	if len(d.links) == 0 {
		return nil
	}
	for i := range d.links {
		l := &d.links[i]
		l.rrs = append(l.rrs, sigs[canonical(l.rrs[0].Header().Name)]...)
	}
	slices.SortFunc(d.links, func(a, b link) int { return strings.Compare(a.key, b.key) })
	return d
}

func hashLabel(rr *dns.NSEC3) string {
	label, _, _ := strings.Cut(rr.Hdr.Name, ".")
	return strings.ToUpper(label)
}

// sortKey orders names canonically (RFC 4034 section 6.1): their labels from
// the last to the first, as octets. A label's end sorts before any octet.
func sortKey(name string) string {
	labels := dns.SplitDomainName(canonical(name))
	var key strings.Builder
	buf := make([]byte, 256)
	for _, label := range slices.Backward(labels) {
		n, err := dns.PackDomainName(label+".", buf, 0, nil, false)
		if err != nil {
			continue
		}
		for _, octet := range buf[1 : n-1] { // 0 and 1 are spelled in two octets
			if octet <= 1 {
				key.WriteByte(1)
			}
			key.WriteByte(octet)
		}
		key.WriteByte(0)
	}
	return key.String()
}

// at gives the link that stands at a name, or else covers it.
func (d *denial) at(name string) (l *link, exact bool) {
	key := d.key(name)
	i, exact := slices.BinarySearchFunc(d.links, key, func(l link, key string) int { return strings.Compare(l.key, key) })
	if exact {
		return &d.links[i], true
	}
	return &d.links[(i+len(d.links)-1)%len(d.links)], false
}

func (d *denial) key(name string) string {
	if d.params == nil {
		return sortKey(name)
	}
	return dns.HashName(name, d.params.Hash, d.params.Iterations, d.params.Salt)
}

// prove adds to the authority section what is at the names or covers them.
func (l *lookup) prove(names ...string) {
	for _, name := range names {
		link, _ := l.zone.denial.at(name)
		if !slices.Contains(l.proof, link.rrs[0]) {
			l.proof = append(l.proof, link.rrs...)
		}
	}
}

func (l *lookup) denies() bool { return l.q.Signed && l.zone.denial != nil }

// denyType proves that a node has nothing of the type, a wildcard also that it
// is the one (RFC 5155 section 7.2.5).
func (l *lookup) denyType(n *node, synthesized bool) {
	if !l.denies() {
		return
	}
	if synthesized && l.zone.denial.params != nil {
		above, _ := wildcardOf(n.name)
		l.prove(above)
	}
	l.proveNode(n.name)
}

// denyExpansion proves that nothing is nearer to the name than the wildcard
// below the encloser (RFC 4035 section 3.1.3.3, RFC 5155 section 7.2.6).
func (l *lookup) denyExpansion(encloser *node, key string) {
	if l.denies() {
		l.prove(nextCloser(key, encloser.name))
	}
}

// denyName proves that neither the name is there nor a wildcard below its
// closest encloser (RFC 4035 section 3.1.3.2, RFC 5155 section 7.2.2).
func (l *lookup) denyName(encloser *node, key string) {
	if !l.denies() {
		return
	}
	name := encloser.name
	if l.zone.denial.params != nil {
		name = l.provable(name)
		l.prove(name)
	}
	l.prove(nextCloser(key, name), "*."+strings.TrimPrefix(name, "."))
}

// provable is the closest name, from a name on upwards, that has an NSEC3: with
// opt-out not every one that exists has.
func (l *lookup) provable(name string) string {
	for above := range ancestors(name, l.zone.Origin) {
		if _, exact := l.zone.denial.at(above); exact {
			return above
		}
	}
	return l.zone.Origin
}

// proveNode shows what there is at a name that exists: its own NSEC or NSEC3,
// or, with opt-out, that it may lack one (RFC 5155 sections 7.2.4 and 7.2.7).
func (l *lookup) proveNode(name string) {
	if l.zone.denial.params == nil {
		l.prove(name)
		return
	}
	above := l.provable(name)
	l.prove(above)
	if above != name {
		l.prove(nextCloser(name, above))
	}
}

// nextCloser is one label longer than the closest encloser (RFC 5155 section
// 1.3).
func nextCloser(key, encloser string) string {
	more := dns.CountLabel(key) - dns.CountLabel(encloser)
	off := 0
	for range more - 1 {
		off, _ = dns.NextLabel(key, off)
	}
	return key[off:]
}

// secure adds the DS of a delegation, or the proof that there is none (RFC 4035
// section 3.1.4).
func (l *lookup) secure(cut *node) {
	if ds := cut.set(dns.TypeDS); ds != nil {
		l.a.Ns = slices.Concat(l.a.Ns, ds.rrs, ds.sigs)
		return
	}
	if l.denies() {
		l.proveNode(cut.name)
	}
}

// signatures answers a question for RRSIG: those of all sets at the name.
func (l *lookup) signatures(n *node, synthesized bool) bool {
	var sigs []dns.RR
	for i := range n.rrsets {
		sigs = append(sigs, n.rrsets[i].sigs...)
	}
	if len(sigs) > 0 {
		l.q.Signed = false // or it would add them once more
		l.give(&rrset{rrs: sigs}, synthesized)
	}
	return len(sigs) > 0
}
