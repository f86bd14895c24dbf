package zones

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// checker looks for what is wrong between records.
type checker struct {
	*index
	p     *parser
	zone  *Zone
	hosts map[string]bool // canonical names of all name servers
	pools map[string]bool // owners of SRV records that LB records use
}

// check looks at the zone as a whole. It finishes the zone: duplicates leave
// it, and the TTLs of a record set become one.
func (p *parser) check() {
	if p.full {
		return
	}
	c := checker{p: p, zone: p.zone}
	c.index = newIndex(p.zone)
	if c.settleSets() {
		c.index = newIndex(p.zone)
	}
	c.hosts, c.pools = c.nsTargets(), p.zone.pools()
	c.soa()
	c.ns()
	for _, name := range c.names {
		n := c.nodes[name]
		c.aliases(n)
		c.steered(n)
		c.occluded(n)
		c.doubled(n)
		for _, r := range n.records {
			c.target(n, r)
			c.owner(n, r)
			c.data(r)
		}
	}
	c.loops()
	c.signed()
	for i := range p.zone.LBs {
		c.lb(&p.zone.LBs[i])
	}
	p.zone.index = c.index
}

// on reports a problem with a record.
func (c *checker) on(r *Record, s Severity, remedy, format string, args ...any) {
	c.at(place{file: r.File, line: r.Line}, s, r.RR.Header().Name, remedy, format, args...)
}

func (c *checker) onLB(r *LBRecord, s Severity, remedy, format string, args ...any) {
	c.at(place{file: r.File, line: r.Line}, s, r.Name, remedy, format, args...)
}

func (c *checker) at(at place, s Severity, name, remedy, format string, args ...any) {
	c.p.problem(at, s, name, mistake{text: fmt.Sprintf(format, args...), remedy: remedy})
}

// tornName tells whether something at the name may have a mistake in it, so
// that it cannot be said to be missing.
func (c *checker) tornName(name string) bool { return c.p.torn.any || c.p.torn.names[name] }

func (c *checker) tornType(t uint16) bool { return c.p.torn.any || c.p.torn.types[t] }

// where says in which line a record stands, as seen from a file.
func where(file string, r *Record) string {
	if r.File == file {
		return fmt.Sprintf("line %d", r.Line)
	}
	return fmt.Sprintf("%s:%d", r.File, r.Line)
}

// soa wants one SOA, at the origin.
func (c *checker) soa() {
	var soa *Record
	for i := range c.zone.Records {
		r := &c.zone.Records[i]
		if r.RR.Header().Rrtype != dns.TypeSOA {
			continue
		}
		switch {
		case canonical(r.RR.Header().Name) != c.origin:
			c.on(r, Error, "move it to "+c.origin+", or load the file as the zone that it is",
				"SOA is at %s and not at the zone's origin %s", r.RR.Header().Name, c.origin)
		case soa != nil:
			c.on(r, Error, "keep one of them", "second SOA: there is one on %s", where(r.File, soa))
		default:
			soa = r
			c.zone.SOA = r.RR.(*dns.SOA)
		}
	}
	if soa == nil && !c.tornType(dns.TypeSOA) {
		c.at(place{file: c.zone.File, line: 1}, Error, c.origin,
			"add one like `@ 3600 IN SOA ns1 hostmaster 2026010101 7200 900 1209600 30`", "zone %s has no SOA", c.origin)
	}
}

// ns wants a name server at the origin.
func (c *checker) ns() {
	if c.zone.SOA == nil || c.tornType(dns.TypeNS) {
		return
	}
	if apex := c.nodes[c.origin]; apex.first(dns.TypeNS) == nil {
		c.on(apex.first(dns.TypeSOA), Warning, "add one like `@ 3600 IN NS ns1`", "zone %s has no NS", c.origin)
	}
}

// signed warns of a zone that was signed before it came here: the answers of
// its LB records are made anew each time.
func (c *checker) signed() {
	if len(c.zone.LBs) == 0 {
		return
	}
	for i := range c.zone.Records {
		if r := &c.zone.Records[i]; r.RR.Header().Rrtype == dns.TypeRRSIG {
			c.on(r, Warning, "leave signing to the dnssec plugin", "zone is signed, but the answers of its LB records are not")
			return
		}
	}
}

// doubled finds the dot forgotten at the end of a name.
func (c *checker) doubled(n *node) {
	if c.origin == "." || !strings.HasSuffix(n.name, "."+c.origin+c.origin) && n.name != c.origin+c.origin {
		return
	}
	remedy, format := "end the name with a dot if it was meant to be whole", "name %s has the origin in it twice"
	for _, r := range n.records {
		c.on(r, Warning, remedy, format, n.name)
	}
	for _, r := range n.lbs {
		c.onLB(r, Warning, remedy, format, n.name)
	}
}
