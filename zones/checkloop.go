package zones

import (
	"strings"

	"github.com/miekg/dns"
)

// loops finds CNAMEs that lead back to themselves, through wildcards too, and
// DNAMEs that point to or below themselves. Each circle is reported once.
func (c *checker) loops() {
	done := map[*Record]bool{}
	for _, name := range c.names {
		n := c.nodes[name]
		if cname := n.first(dns.TypeCNAME); cname != nil {
			c.follow(cname, done)
		}
		for _, d := range n.of(dns.TypeDNAME) {
			if to := target(d.RR); dns.IsSubDomain(name, to) {
				c.on(d, Error, "point it outside of itself", "DNAME at %s points to %s, which it covers itself", name, to)
			}
		}
	}
}

// follow goes from CNAME to CNAME until the end, or to where it was before.
func (c *checker) follow(cname *Record, done map[*Record]bool) {
	var path []*Record
	on := map[*Record]bool{}
	for r := cname; r != nil && !done[r]; {
		path, on[r] = append(path, r), true
		done[r] = true
		n := c.find(target(r.RR))
		next := n.first(dns.TypeCNAME)
		if next != nil && on[next] {
			c.on(next, Warning, "let one of them point to a name with records", "CNAMEs go in a circle: %s", circle(path, next))
		}
		r = next
	}
}

// circle names the aliases from the first one on, and that one again.
func circle(path []*Record, first *Record) string {
	var names []string
	for i := len(path) - 1; i >= 0; i-- {
		names = append([]string{path[i].RR.Header().Name}, names...)
		if path[i] == first {
			break
		}
	}
	if len(names) > 8 {
		names = append(names[:8], "...")
	}
	return strings.Join(append(names, first.RR.Header().Name), " -> ")
}
