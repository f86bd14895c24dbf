package ballast

import (
	"net"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// subnet adds a client subnet option to a query.
func subnet(addr string, source, scope uint8) func(*dns.Msg) {
	return func(m *dns.Msg) {
		o := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: source, SourceScope: scope, Address: net.ParseIP(addr)}
		if o.Address.To4() == nil {
			o.Family = 2
		}
		m.SetEdns0(1232, false)
		opt := m.IsEdns0()
		opt.Option = append(opt.Option, o)
	}
}

func TestClientSubnet(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+`
hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=20/48
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	for _, tc := range []struct {
		name, ask     string
		addr          string
		source, query uint8 // prefix length and scope in the query
		scope         uint8 // in the reply
		rcode         int
	}{
		{"weighted answers hold for everybody", "www.example.org.", "203.0.113.0", 24, 0, 0, dns.RcodeSuccess},
		{"hashed answers hold for the sticky prefix", "hash.example.org.", "203.0.112.0", 24, 0, 20, dns.RcodeSuccess},
		{"hashed answers, IPv6", "hash.example.org.", "2001:db8:1::", 56, 0, 48, dns.RcodeSuccess},
		{"a scope no longer than what was sent", "hash.example.org.", "203.0.0.0", 16, 0, 16, dns.RcodeSuccess},
		{"the client wants privacy", "hash.example.org.", "0.0.0.0", 0, 0, 0, dns.RcodeSuccess},
		{"negative answers hold for everybody", "nope.example.org.", "203.0.113.0", 24, 0, 0, dns.RcodeNameError},
		{"a scope in a query is malformed", "www.example.org.", "203.0.113.0", 24, 24, 0, dns.RcodeFormatError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := s.ask(tc.ask, dns.TypeA, subnet(tc.addr, tc.source, tc.query))
			if m.Rcode != tc.rcode {
				t.Fatalf("Rcode is %d, not %d", m.Rcode, tc.rcode)
			}
			if tc.rcode == dns.RcodeFormatError {
				return
			}
			o := clientSubnet(m)
			if o == nil || o.SourceNetmask != tc.source || o.SourceScope != tc.scope || !o.Address.Equal(net.ParseIP(tc.addr)) {
				t.Errorf("Reply's client subnet is %v, want %s/%d/%d", o, tc.addr, tc.source, tc.scope)
			}
		})
	}
}

func TestHashKeepsClientsOfOnePrefixTogether(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+"hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=24/56\n")
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	given := map[string]bool{}
	for i := range 40 {
		from := subnet(net.IPv4(198, 51, byte(i), 0).String(), 24, 0)
		first := texts(s.ask("hash.example.org.", dns.TypeA, from).Answer)
		for range 3 {
			if again := texts(s.ask("hash.example.org.", dns.TypeA, from).Answer); !slices.Equal(first, again) {
				t.Fatalf("One prefix was given %v and then %v", first, again)
			}
		}
		given[first[0]] = true
	}
	if len(given) != 3 {
		t.Errorf("40 prefixes were given %d servers, not all three", len(given))
	}
}
