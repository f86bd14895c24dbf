package zones

import (
	"slices"

	"github.com/miekg/dns"
)

// besideCNAME may stand beside a CNAME (RFC 4034 sections 3 and 4, RFC 2535
// section 2.3.5).
var besideCNAME = []uint16{dns.TypeCNAME, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeKEY}

// aliases checks a name with a CNAME (RFC 1034 section 3.6.2) or a DNAME
// (RFC 6672 section 2.4).
func (c *checker) aliases(n *node) {
	cnames := n.of(dns.TypeCNAME)
	if len(cnames) > 0 {
		for _, extra := range cnames[1:] {
			c.on(extra, Error, "keep one of them", "second CNAME at %s: there is one on %s", n.name, where(extra.File, cnames[0]))
		}
		for _, r := range n.records {
			if t := r.RR.Header().Rrtype; !slices.Contains(besideCNAME, t) {
				c.on(cnames[0], Error, "remove the CNAME, or move the other records to the name that it points to",
					"CNAME at %s stands beside other data: %s on %s", n.name, typeName(t), where(cnames[0].File, r))
				break
			}
		}
	}
	dnames := n.of(dns.TypeDNAME)
	for i, extra := range dnames {
		if i > 0 {
			c.on(extra, Error, "keep one of them", "second DNAME at %s: there is one on %s", n.name, where(extra.File, dnames[0]))
		}
	}
	c.belowDNAME(n)
}

// belowDNAME finds names that a DNAME above hides.
func (c *checker) belowDNAME(n *node) {
	for above := range ancestors(n.name, c.origin) {
		d := c.nodes[above].first(dns.TypeDNAME)
		if above == n.name || d == nil {
			continue
		}
		const remedy = "move the record to the DNAME's target, or remove the DNAME"
		for _, r := range n.records {
			c.on(r, Error, remedy, "%s is below the DNAME at %s on %s", n.name, above, where(r.File, d))
		}
		for _, r := range n.lbs {
			c.onLB(r, Error, remedy, "%s is below the DNAME at %s on %s", n.name, above, where(r.File, d))
		}
		return
	}
}

// steered checks what stands beside an LB record.
func (c *checker) steered(n *node) {
	if len(n.lbs) == 0 {
		return
	}
	first := n.lbs[0]
	for _, extra := range n.lbs[1:] {
		c.onLB(extra, Error, "keep one of them", "second LB at %s: there is one on %s",
			n.name, where(extra.File, &Record{File: first.File, Line: first.Line}))
	}
	if r := n.first(dns.TypeCNAME); r != nil {
		c.onLB(first, Error, "remove one of them", "LB at %s stands beside a CNAME on %s", n.name, where(first.File, r))
	}
	for _, t := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
		if r := n.first(t); r != nil {
			c.onLB(first, Error, "remove either; servers belong into the pool",
				"LB at %s stands beside %s on %s, and only one could answer", n.name, typeName(t), where(first.File, r))
		}
	}
	if cut := c.delegation(n.name); cut != nil {
		c.onLB(first, Error, "remove the LB, or remove the delegation and serve the names here",
			"LB at %s is never served: %s is delegated by NS on %s", n.name, cut.RR.Header().Name, where(first.File, cut))
	}
}

// atCut may stand at a delegation (RFC 4035 section 2.6).
var atCut = []uint16{dns.TypeNS, dns.TypeDS, dns.TypeNSEC, dns.TypeRRSIG}

// occluded finds records that a delegation hides, other than its glue.
func (c *checker) occluded(n *node) {
	cut := c.delegation(n.name)
	if cut == nil {
		return
	}
	for _, r := range n.records {
		t := r.RR.Header().Rrtype
		at := n.name == canonical(cut.RR.Header().Name)
		if at && slices.Contains(atCut, t) || (t == dns.TypeA || t == dns.TypeAAAA) && c.hosts[n.name] {
			continue
		}
		c.on(r, Warning, "move it into the delegated zone", "%s at %s is never served: %s is delegated by NS on %s",
			typeName(t), n.name, cut.RR.Header().Name, where(r.File, cut))
	}
}

// nsTargets are the names of all name servers: their addresses are glue.
func (c *checker) nsTargets() map[string]bool {
	hosts := map[string]bool{}
	for i := range c.zone.Records {
		if ns, ok := c.zone.Records[i].RR.(*dns.NS); ok {
			hosts[canonical(ns.Ns)] = true
		}
	}
	return hosts
}
