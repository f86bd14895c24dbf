package ballast

import (
	"testing"

	"github.com/miekg/dns"
)

// ANY gets one record that exists, or one that says why there is no more
// (RFC 8482), at every name and over every transport: neither the size nor what
// is in an answer may make ANY worth asking.
func TestANY(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	for _, tc := range []struct {
		name, ask string
		rtype     uint16 // of the one record; 0 for none
		rcode     int
	}{
		{"LB name", "www", dns.TypeHINFO, 0},
		{"LB name with nobody", "none", dns.TypeHINFO, 0},
		{"LB wildcard", "x.wild", dns.TypeHINFO, 0},
		{"alias of an LB name", "alias", dns.TypeCNAME, 0},
		{"_port._tcp of an LB name", "_80._tcp.www", dns.TypeHINFO, 0},
		{"_tcp of an LB name, an empty non-terminal", "_tcp.www", 0, 0},
		{"another empty non-terminal", "ent", 0, 0},
		{"below an LB name", "nope.www", 0, dns.RcodeNameError},
		{"the apex", "", dns.TypeHINFO, 0},
		{"records of the zone file", "any", dns.TypeHINFO, 0},
		{"SRV of a pool", "_http._tcp", dns.TypeHINFO, 0},
		{"wildcard", "x.star", dns.TypeHINFO, 0},
		{"no name", "nope", 0, dns.RcodeNameError},
		{"below a delegation", "x.sub", 0, 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			for _, size := range []int{-1, 4096} {
				name := tc.ask + ".example.org."
				if tc.ask == "" {
					name = "example.org."
				}
				m, length := s.sized(t, network, name, dns.TypeANY, size)
				if m.Rcode != tc.rcode || len(m.Answer) > 1 || (len(m.Answer) == 1) != (tc.rtype != 0) || m.Truncated {
					t.Errorf("%s over %s, %d: answered\n%v", tc.name, network, size, m)
					continue
				}
				if len(m.Answer) == 1 && (m.Answer[0].Header().Rrtype != tc.rtype || length > 110) {
					t.Errorf("%s over %s, %d: %d octets\n%v", tc.name, network, size, length, m)
				}
			}
		}
	}
}
