package zones

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// target checks the name that an NS, MX or SRV record points to.
func (c *checker) target(n *node, r *Record) {
	t := r.RR.Header().Rrtype
	name := target(r.RR)
	if t != dns.TypeNS && t != dns.TypeMX && t != dns.TypeSRV || name == "." || t == dns.TypeSRV && c.pools[n.name] {
		return // the servers of a pool are the business of member
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(name, ".")); err == nil {
		c.on(r, Warning, "name the server, and give the name an A or AAAA record", "%s points to %s, which is an address and not a name", typeName(t), name)
		return
	}
	if !c.inside(name) || c.tornName(name) {
		return
	}
	node := c.find(name)
	cname := node.first(dns.TypeCNAME)
	switch {
	case cname != nil:
		c.on(r, Warning, "name the server itself (RFC 2181 section 10.3)",
			"%s points to %s, which is a CNAME on %s", typeName(t), name, where(r.File, cname))
	case node.hasAddress():
	case t != dns.TypeNS && c.delegation(name) != nil: // the other zone's to say
	case node == nil:
		c.on(r, Warning, missingRemedy(name, c.origin), "%s points to %s, which does not exist", typeName(t), name)
	default:
		c.on(r, Warning, "add an A or AAAA record for it", "%s points to %s, which has no address", typeName(t), name)
	}
}

func missingRemedy(name, origin string) string {
	if origin != "." && dns.IsSubDomain(origin+origin, name) {
		return "end the name with a dot if it was meant to be whole"
	}
	return "add an A or AAAA record for it, or correct the name"
}
