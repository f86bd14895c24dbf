package ballast

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// bulky is a zone with answers of all sizes.
func bulky() string {
	var b strings.Builder
	b.WriteString("big 60 IN LB srv _big._tcp check=none answers=30\n")
	for i := range 30 {
		label := fmt.Sprintf("server-with-a-long-name-%02d", i)
		fmt.Fprintf(&b, "_big._tcp IN SRV 0 1 80 %s\n%s IN A 192.0.2.%d\n%s IN AAAA 2001:db8::%x\n", label, label, i+1, label, i+1)
	}
	for i := range 4 {
		fmt.Fprintf(&b, "txt IN TXT %d%s\n", i, strings.Repeat("x", 200))
	}
	for i := range 20 {
		fmt.Fprintf(&b, "huge IN TXT %02d%s\n", i, strings.Repeat("x", 250))
	}
	for i := range 12 { // in-domain glue, and a sibling's
		fmt.Fprintf(&b, "sub IN NS ns%d.sub\nns%d.sub IN A 192.0.2.%d\nns%d.sub IN AAAA 2001:db8::%x\n", i, i, 100+i, i, 100+i)
	}
	b.WriteString("sub IN NS ns.other\nother IN NS ns.other\nns.other IN A 192.0.2.200\n")
	b.WriteString("tosub IN CNAME www.sub\n")
	return webPool + b.String()
}

// sized asks with a buffer of that size, or without EDNS for -1, and returns the
// reply with its length on the wire.
func (s *server) sized(t *testing.T, network, name string, qtype uint16, size int) (*dns.Msg, int) {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	if size >= 0 {
		m.SetEdns0(uint16(size), false)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	reply, err := s.exchange(network, packet)
	if err != nil {
		t.Fatal(err)
	}
	got := new(dns.Msg)
	if err := got.Unpack(reply); err != nil {
		t.Fatal(err)
	}
	if (got.IsEdns0() != nil) != (size >= 0) {
		t.Errorf("OPT in the reply: %v", got.IsEdns0() != nil)
	}
	return got, len(reply)
}

func TestBufferSizes(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", bulky())
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	for _, tc := range []struct {
		name, ask     string
		qtype         uint16
		answer, glue  int // records that a whole answer has; glue is what the client cannot do without
		from          int // buffer size from which it is whole, without TC
		extra, extras int // buffer size from which the additional section has so many
	}{
		{"a small answer", "www.example.org.", dns.TypeA, 2, 0, -1, 0, 0},
		{"a large RRset", "txt.example.org.", dns.TypeTXT, 4, 0, 1232, 0, 0},
		{"one larger than most buffers", "huge.example.org.", dns.TypeTXT, 20, 0, 65535, 0, 0},
		{"a referral, with glue (RFC 9471)", "www.sub.example.org.", dns.TypeA, 0, 25, 1232, 0, 0},
		{"an alias into a delegation", "tosub.example.org.", dns.TypeA, 1, 25, 1232, 0, 0},
		{"SRV, whose targets' addresses are for convenience", "big.example.org.", dns.TypeSRV, 30, 0, 4096, 4096, 60},
		{"an LB name's own addresses", "big.example.org.", dns.TypeA, 30, 0, 1232, 0, 0},
	} {
		for _, size := range []int{-1, 0, 511, 512, 1232, 4096, 65535} {
			t.Run(fmt.Sprintf("%s, %d", tc.name, size), func(t *testing.T) {
				m, length := s.sized(t, "udp", tc.ask, tc.qtype, size)
				if limit := max(size, dns.MinMsgSize); length > limit {
					t.Errorf("%d octets for a buffer of %d", length, limit)
				}
				whole := size >= tc.from
				if m.Truncated == whole {
					t.Errorf("TC is %v\n%v", m.Truncated, m)
				}
				if whole && (len(m.Answer) != tc.answer || tc.glue > 0 && len(additional(m)) != tc.glue) {
					t.Errorf("Without TC, %d records and %d of glue are answered", len(m.Answer), len(additional(m)))
				}
				if tc.extras > 0 && size >= tc.extra && len(additional(m)) != tc.extras {
					t.Errorf("%d additional records where %d fit", len(additional(m)), tc.extras)
				}
				m, _ = s.sized(t, "tcp", tc.ask, tc.qtype, size)
				if m.Truncated || len(m.Answer) != tc.answer || tc.glue > 0 && len(additional(m)) != tc.glue {
					t.Errorf("Over TCP: TC is %v, %d records, %d additional", m.Truncated, len(m.Answer), len(additional(m)))
				}
			})
		}
	}
}

// additional is the additional section without OPT.
func additional(m *dns.Msg) []dns.RR {
	return slices.DeleteFunc(slices.Clone(m.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
}

// What a client can do without is left out rather than have it ask over TCP.
func TestAdditionalRecordsForConvenience(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", bulky()+`
some 60 IN LB srv _some._tcp check=none
_some._tcp IN SRV 0 1 80 server-with-a-long-name-00
_some._tcp IN SRV 0 1 80 server-with-a-long-name-01
_some._tcp IN SRV 0 1 80 server-with-a-long-name-02
_some._tcp IN SRV 0 1 80 server-with-a-long-name-03
_some._tcp IN SRV 0 1 80 server-with-a-long-name-04
`)
	s := serve(t, dir, "cookie\nnsid a-name-of-some-length\nballast DIR/zone {\nreload 0\n}")
	for size, whole := range map[int]bool{-1: false, 512: false, 4096: true} {
		m, _ := s.sized(t, "udp", "some.example.org.", dns.TypeSRV, size)
		if m.Truncated || len(m.Answer) != 5 || (len(additional(m)) == 10) != whole || len(additional(m)) == 0 {
			t.Errorf("With a buffer of %d: TC is %v, %d records, %d additional", size, m.Truncated, len(m.Answer), len(additional(m)))
		}
	}
	m := s.ask("some.example.org.", dns.TypeSRV, withEDNS(0, 0, definedOptions()...), func(m *dns.Msg) { m.IsEdns0().SetUDPSize(512) })
	if m.Truncated || len(m.Answer) != 5 {
		t.Errorf("With options in the reply: TC is %v, %d records", m.Truncated, len(m.Answer))
	}
}

// optionsOf are the codes of the reply's options.
func optionsOf(m *dns.Msg) (codes []uint16) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			codes = append(codes, o.Option())
		}
	}
	slices.Sort(codes)
	return codes
}

func TestOptionsInReplies(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo+"hash 60 IN LB srv _http._tcp check=none policy=hash\n")
	all := append(definedOptions(), &dns.EDNS0_PADDING{Padding: make([]byte, 20)},
		&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE, Timeout: 100}, unknownOption,
		&dns.EDNS0_EDE{InfoCode: 1}, &dns.EDNS0_DAU{Code: dns.EDNS0DAU, AlgCode: []uint8{13}})
	for body, want := range map[string][]uint16{
		"":                     {dns.EDNS0SUBNET},
		"nsid ns1":             {dns.EDNS0NSID, dns.EDNS0SUBNET},
		"cookie":               {dns.EDNS0SUBNET, dns.EDNS0COOKIE},
		"cookie\nminimal":      {dns.EDNS0SUBNET, dns.EDNS0COOKIE},
		"nsid ns1\ncookie":     {dns.EDNS0NSID, dns.EDNS0SUBNET, dns.EDNS0COOKIE},
		"cookie\nbufsize 1232": {dns.EDNS0SUBNET, dns.EDNS0COOKIE},
	} {
		s := serve(t, dir, body+"\nballast DIR/zone {\nreload 0\n}")
		for _, network := range []string{"udp", "tcp"} {
			for _, name := range []string{"www", "hash", "any", "nope", "x.sub", "alias"} {
				m := s.askOver(network, name+".example.org.", dns.TypeA, withEDNS(0, 0, all...))
				if got := optionsOf(m); !slices.Equal(got, want) {
					t.Errorf("%q, %s, %s: the options are %v, not %v", body, network, name, got, want)
				}
			}
		}
		m := s.ask("www.example.org.", dns.TypeA)
		if m.IsEdns0() != nil {
			t.Errorf("%q: an OPT record without being asked", body)
		}
	}
}

// Known: minimal takes the OPT record off an answer, and nsid adds one of its own.
func TestMinimalAndNSIDLoseTheSubnet(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "nsid ns1\nminimal\nballast DIR/zone {\nreload 0\n}")
	m := s.ask("www.example.org.", dns.TypeA, withEDNS(0, 0, definedOptions()...))
	if got := optionsOf(m); !slices.Equal(got, []uint16{dns.EDNS0NSID}) {
		t.Errorf("The options are %v: plugin/README.md says otherwise", got)
	}
}

// A cookie in a query changes nothing of the rest.
func TestCookieBesideOthers(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo+"hash 60 IN LB srv _http._tcp check=none policy=hash\n")
	key, path := signingKey(t, dir)
	s := serve(t, dir, "cookie\ndnssec {\nkey file "+path+"\n}\nballast DIR/zone {\nreload 0\n}")
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}
	m := s.ask("hash.example.org.", dns.TypeA, subnet("203.0.113.0", 24, 0), func(m *dns.Msg) {
		opt := m.IsEdns0()
		opt.SetDo()
		opt.Option = append(opt.Option, cookie)
	})
	if err := verify(m.Answer, key); err != nil || len(m.Answer) != 3 {
		t.Errorf("Signatures: %v\n%v", err, m)
	}
	if o := clientSubnet(m); o == nil || o.SourceScope != 24 {
		t.Errorf("The scope is %v", o)
	}
	if !m.IsEdns0().Do() || len(optionsOf(m)) != 2 {
		t.Errorf("The OPT record is %v", m.IsEdns0())
	}
	refused := s.ask("example.org.", dns.TypeAXFR, withEDNS(0, 0, cookie))
	if refused.Rcode != dns.RcodeRefused || !slices.Equal(optionsOf(refused), []uint16{dns.EDNS0COOKIE}) {
		t.Errorf("An error has no cookie\n%v", refused)
	}
}

func TestMalformedEDNS(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	opt := func(rdata ...byte) []byte {
		return append([]byte{0, 0, byte(dns.TypeOPT), 0x04, 0xd0, 0, 0, 0, 0, 0, byte(len(rdata))}, rdata...)
	}
	ecs := func(data ...byte) []byte {
		return opt(append([]byte{0, dns.EDNS0SUBNET, 0, byte(len(data))}, data...)...)
	}
	for _, tc := range []struct {
		name  string
		extra [][]byte
		rcode int
		scope int // -1: no client subnet in the reply
	}{
		{"an empty OPT record", [][]byte{opt()}, dns.RcodeSuccess, -1},
		{"two OPT records", [][]byte{opt(), opt()}, dns.RcodeFormatError, -1},
		{"two OPT records, with a subnet", [][]byte{ecs(0, 1, 24, 0, 192, 0, 2), ecs(0, 1, 24, 0, 192, 0, 2)}, dns.RcodeFormatError, -1},
		{"an option longer than the record", [][]byte{opt(0, 100, 0, 9)}, dns.RcodeFormatError, -1},
		{"half an option", [][]byte{opt(0, 100, 0)}, dns.RcodeFormatError, -1},
		{"subnet 192.0.2.0/24", [][]byte{ecs(0, 1, 24, 0, 192, 0, 2)}, dns.RcodeSuccess, 0},
		{"subnet 0.0.0.0/0", [][]byte{ecs(0, 1, 0, 0)}, dns.RcodeSuccess, 0},
		{"subnet ::/0", [][]byte{ecs(0, 2, 0, 0)}, dns.RcodeSuccess, 0},
		{"family 0, as dig +subnet=0 says", [][]byte{ecs(0, 0, 0, 0)}, dns.RcodeSuccess, 0},
		{"family 0 with a prefix", [][]byte{ecs(0, 0, 8, 0, 10)}, dns.RcodeFormatError, -1},
		{"family 3", [][]byte{ecs(0, 3, 8, 0, 10)}, dns.RcodeFormatError, -1},
		{"prefix length 33", [][]byte{ecs(0, 1, 33, 0, 192, 0, 2, 1, 0)}, dns.RcodeFormatError, -1},
		{"IPv6 prefix length 129", [][]byte{ecs(append([]byte{0, 2, 129, 0}, make([]byte, 17)...)...)}, dns.RcodeFormatError, -1},
		{"bits beyond the prefix", [][]byte{ecs(0, 1, 20, 0, 192, 0, 2)}, dns.RcodeFormatError, -1},
		{"octets beyond the prefix", [][]byte{ecs(0, 1, 16, 0, 192, 0, 2)}, dns.RcodeFormatError, -1},
		{"a scope in the query", [][]byte{ecs(0, 1, 24, 24, 192, 0, 2)}, dns.RcodeFormatError, -1},
		{"a scope with prefix 0", [][]byte{ecs(0, 1, 0, 8)}, dns.RcodeFormatError, -1},
		{"no room for a header", [][]byte{ecs(0, 1, 24)}, dns.RcodeFormatError, -1},
		{"two subnets", [][]byte{opt(0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100)}, dns.RcodeFormatError, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
			packet, _ := m.Pack()
			packet[11] = byte(len(tc.extra))
			for _, rr := range tc.extra {
				packet = append(packet, rr...)
			}
			reply, err := s.exchange("udp", packet)
			if err != nil {
				t.Fatal(err)
			}
			got := new(dns.Msg)
			if err := got.Unpack(reply); err != nil {
				t.Fatal(err)
			}
			scope := -1
			if o := clientSubnet(got); o != nil {
				scope = int(o.SourceScope)
			}
			if got.Rcode != tc.rcode || scope != tc.scope || got.Id != m.Id {
				t.Errorf("Answered\n%v", got)
			}
		})
	}
}

// A cache may give an answer to all that its scope covers: what depends on the
// resolver key says how much of it, and nothing else says anything.
func TestScopes(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo+`
hash 60 IN LB srv _http._tcp check=none policy=hash sticky=20/48
learn 60 IN LB srv _http._tcp check=none policy=headroom
off 60 IN LB srv _http._tcp check=none policy=hash sticky=off
tohash IN CNAME hash
*.hw 60 IN LB srv _http._tcp check=none policy=hash
`)
	for _, minimal := range []string{"", "minimal\n"} {
		s := serve(t, dir, minimal+"ballast DIR/zone {\nreload 0\n}")
		for _, tc := range []struct {
			ask    string
			qtype  uint16
			v4, v6 uint8 // scopes for a /24 and a /56
		}{
			{"www", dns.TypeA, 0, 0},
			{"www", dns.TypeTXT, 0, 0},
			{"www", dns.TypeANY, 0, 0},
			{"hash", dns.TypeA, 20, 48},
			{"hash", dns.TypeTXT, 0, 0},
			{"hash", dns.TypeANY, 0, 0},
			{"tohash", dns.TypeA, 20, 48},
			{"tohash", dns.TypeCNAME, 0, 0},
			{"a.hw", dns.TypeA, 24, 56},
			{"learn", dns.TypeA, 24, 56},
			{"off", dns.TypeA, 0, 0},
			{"any", dns.TypeTXT, 0, 0},
			{"nope", dns.TypeA, 0, 0},
			{"nope.hash", dns.TypeA, 0, 0},
			{"x.sub", dns.TypeA, 0, 0},
			{"example", dns.TypeSOA, 0, 0},
		} {
			for addr, want := range map[string]uint8{"203.0.112.0": tc.v4, "2001:db8:1::": tc.v6} {
				source := uint8(24)
				if net.ParseIP(addr).To4() == nil {
					source = 56
				}
				for _, network := range []string{"udp", "tcp"} {
					m := s.askOver(network, strings.TrimPrefix(tc.ask+".example.org.", "example."), tc.qtype, subnet(addr, source, 0))
					o := clientSubnet(m)
					if o == nil || o.SourceNetmask != source || o.SourceScope != want || !o.Address.Equal(net.ParseIP(addr)) {
						t.Errorf("%s%s %s for %s/%d: the subnet is %v, want scope %d", minimal, tc.ask, dns.TypeToString[tc.qtype], addr, source, o, want)
					}
				}
			}
			if m := s.ask(strings.TrimPrefix(tc.ask+".example.org.", "example."), tc.qtype, withEDNS(0, 0)); clientSubnet(m) != nil {
				t.Errorf("%s: a client subnet without being asked", tc.ask)
			}
		}
		// "Tell nobody": the answer is for the resolver, and its scope must be 0.
		for _, name := range []string{"hash", "learn"} {
			if o := clientSubnet(s.ask(name+".example.org.", dns.TypeA, subnet("0.0.0.0", 0, 0))); o == nil || o.SourceScope != 0 {
				t.Errorf("%s for prefix 0: the subnet is %v", name, o)
			}
		}
	}
}
