package ballast

import (
	"testing"

	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

// A name that exists is never SERVFAIL, wherever its chain of CNAMEs leads.
func TestChainsOfCNAMEs(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo+`out IN CNAME www.example.net.
lost IN CNAME nowhere
below IN CNAME _80._tcp.www
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	for _, tc := range []struct {
		name, ask string
		qtype     uint16
		rcode     int
		last      uint16 // type of the last record of the answer
	}{
		{"a type that LB names lack", "alias", dns.TypeTXT, dns.RcodeSuccess, dns.TypeCNAME},
		{"NS", "twice", dns.TypeNS, dns.RcodeSuccess, dns.TypeCNAME},
		{"the type LB", "alias", zones.TypeLB, dns.RcodeSuccess, dns.TypeCNAME},
		{"ANY", "alias", dns.TypeANY, dns.RcodeSuccess, dns.TypeCNAME},
		{"out of the zone", "out", dns.TypeA, dns.RcodeSuccess, dns.TypeCNAME},
		{"to no name", "lost", dns.TypeA, dns.RcodeNameError, dns.TypeCNAME},
		{"to a name below an LB name", "below", dns.TypeSRV, dns.RcodeSuccess, dns.TypeSRV},
		{"SRV through an alias", "alias", dns.TypeSRV, dns.RcodeSuccess, dns.TypeSRV},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := s.ask(tc.ask+".example.org.", tc.qtype)
			if n := len(m.Answer); m.Rcode != tc.rcode || n == 0 || m.Answer[n-1].Header().Rrtype != tc.last {
				t.Errorf("Rcode should be %s and the last record %s:\n%v", dns.RcodeToString[tc.rcode], dns.TypeToString[tc.last], m)
			}
		})
	}
}
