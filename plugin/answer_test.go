package ballast

import (
	"slices"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

const soa = "example.org. SOA ns1.example.org. hostmaster.example.org. 1 7200 900 1209600 30"

// The zone that most cases ask.
const zoo = webPool + `
one 60 IN LB srv _http._tcp check=none answers=1
three 60 IN LB srv _http._tcp check=none answers=3
alias IN CNAME three
twice IN CNAME alias
*.wild 60 IN LB srv _one._tcp check=none
_one._tcp 60 IN SRV 0 1 81 web3
sub IN NS ns.sub
ns.sub IN A 192.0.2.99
a.ent IN A 192.0.2.98
mx IN MX 10 web2
any IN TXT "x"
*.star IN TXT "y"
down 60 IN LB srv _dead._tcp empty=sorry
none 60 IN LB srv _dead._tcp empty=none
all 60 IN LB srv _dead._tcp
_dead._tcp IN SRV 0 1 1 dead
dead IN A 127.0.0.1
sorry 300 IN A 192.0.2.77
chain 60 IN LB srv _dead._tcp empty=down
`

func TestAnswers(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	addrs := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}
	under := func(name string) (lines []string) {
		for _, a := range addrs {
			lines = append(lines, name+" A "+a)
		}
		return lines
	}
	srv := func(name string) []string {
		return []string{
			name + " SRV 10 250 80 web3.example.org.", name + " SRV 10 500 80 web2.example.org.",
			name + " SRV 10 1000 80 web1.example.org.",
		}
	}
	for _, tc := range []struct {
		name   string
		ask    string
		qtype  uint16
		rcode  int
		answer []string // sorted
		ns     []string
		extra  int
		noAA   bool
	}{
		{name: "A at an LB name", ask: "three.example.org.", qtype: dns.TypeA, answer: under("three.example.org.")},
		{name: "A in another case", ask: "THREE.Example.org.", qtype: dns.TypeA, answer: under("three.example.org.")},
		{name: "AAAA of those that have one", ask: "www.example.org.", qtype: dns.TypeAAAA, answer: []string{"www.example.org. AAAA 2001:db8::1"}},
		{name: "SRV with targets' addresses", ask: "www.example.org.", qtype: dns.TypeSRV, answer: srv("www.example.org."), extra: 4},
		{name: "NODATA for another type", ask: "www.example.org.", qtype: dns.TypeTXT, ns: []string{soa}},
		{name: "NODATA for the type LB", ask: "www.example.org.", qtype: zones.TypeLB, ns: []string{soa}},
		{name: "NODATA for a family nobody has", ask: "x.wild.example.org.", qtype: dns.TypeAAAA, ns: []string{soa}},
		{name: "NXDOMAIN", ask: "nope.example.org.", qtype: dns.TypeA, rcode: dns.RcodeNameError, ns: []string{soa}},
		{name: "NXDOMAIN below an LB name", ask: "nope.www.example.org.", qtype: dns.TypeA, rcode: dns.RcodeNameError, ns: []string{soa}},
		{name: "ANY at an LB name", ask: "www.example.org.", qtype: dns.TypeANY, answer: []string{`www.example.org. HINFO "RFC8482" ""`}},
		{name: "ANY of no name", ask: "nope.example.org.", qtype: dns.TypeANY, rcode: dns.RcodeNameError, ns: []string{soa}},
		{name: "CNAME to an LB name", ask: "alias.example.org.", qtype: dns.TypeA,
			answer: append([]string{"alias.example.org. CNAME three.example.org."}, under("three.example.org.")...)},
		{name: "two CNAMEs to an LB name", ask: "twice.example.org.", qtype: dns.TypeA,
			answer: append(append([]string{"alias.example.org. CNAME three.example.org."}, under("three.example.org.")...), "twice.example.org. CNAME alias.example.org.")},
		{name: "CNAME itself", ask: "alias.example.org.", qtype: dns.TypeCNAME, answer: []string{"alias.example.org. CNAME three.example.org."}},
		{name: "wildcard LB", ask: "x.wild.example.org.", qtype: dns.TypeA, answer: []string{"x.wild.example.org. A 192.0.2.3"}},
		{name: "wildcard LB, deeper and in capitals", ask: "a.B.wild.example.org.", qtype: dns.TypeA, answer: []string{"a.B.wild.example.org. A 192.0.2.3"}},
		{name: "wildcard LB, SRV", ask: "x.wild.example.org.", qtype: dns.TypeSRV, answer: []string{"x.wild.example.org. SRV 0 1000 81 web3.example.org."}, extra: 1},
		{name: "the wildcard's parent exists", ask: "wild.example.org.", qtype: dns.TypeA, ns: []string{soa}},
		{name: "_port._tcp", ask: "_80._tcp.www.example.org.", qtype: dns.TypeSRV, answer: srv("_80._tcp.www.example.org."), extra: 4},
		{name: "_service._tcp", ask: "_http._tcp.www.example.org.", qtype: dns.TypeSRV, answer: srv("_http._tcp.www.example.org."), extra: 4},
		{name: "_tcp is an empty non-terminal", ask: "_tcp.www.example.org.", qtype: dns.TypeSRV, ns: []string{soa}},
		{name: "_udp is not there", ask: "_udp.www.example.org.", qtype: dns.TypeSRV, rcode: dns.RcodeNameError, ns: []string{soa}},
		{name: "a port nobody listens on", ask: "_81._tcp.www.example.org.", qtype: dns.TypeSRV, rcode: dns.RcodeNameError, ns: []string{soa}},
		{name: "NODATA at _port._tcp", ask: "_80._tcp.www.example.org.", qtype: dns.TypeA, ns: []string{soa}},
		{name: "all down: a named fallback", ask: "down.example.org.", qtype: dns.TypeA, answer: []string{"down.example.org. A 192.0.2.77"}},
		{name: "all down: fallback through another LB name", ask: "chain.example.org.", qtype: dns.TypeA, answer: []string{"chain.example.org. A 192.0.2.77"}},
		{name: "all down: nobody", ask: "none.example.org.", qtype: dns.TypeA, ns: []string{soa}},
		{name: "all down: everybody", ask: "all.example.org.", qtype: dns.TypeA, answer: []string{"all.example.org. A 127.0.0.1"}},
		{name: "delegation", ask: "x.sub.example.org.", qtype: dns.TypeA, ns: []string{"sub.example.org. NS ns.sub.example.org."}, extra: 1, noAA: true},
		{name: "empty non-terminal", ask: "ent.example.org.", qtype: dns.TypeA, ns: []string{soa}},
		{name: "static data", ask: "any.example.org.", qtype: dns.TypeTXT, answer: []string{`any.example.org. TXT "x"`}},
		{name: "static wildcard", ask: "q.star.example.org.", qtype: dns.TypeTXT, answer: []string{`q.star.example.org. TXT "y"`}},
		{name: "SOA", ask: "example.org.", qtype: dns.TypeSOA, answer: []string{soa}},
		{name: "zone transfer without the transfer plugin", ask: "example.org.", qtype: dns.TypeIXFR, rcode: dns.RcodeRefused, noAA: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := s.ask(tc.ask, tc.qtype)
			answer := texts(m.Answer)
			slices.Sort(answer)
			want := slices.Clone(tc.answer)
			slices.Sort(want)
			if m.Rcode != tc.rcode || !slices.Equal(answer, want) || !slices.Equal(texts(m.Ns), tc.ns) || len(m.Extra) != tc.extra {
				t.Errorf("Answered\n%v\nbut should have answered rcode %d, answer %q, authority %q, %d additional", m, tc.rcode, want, tc.ns, tc.extra)
			}
			if m.Authoritative == tc.noAA {
				t.Errorf("AA is %v", m.Authoritative)
			}
		})
	}
}

func TestAnswerTTLStaysWithinTheRecord(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	for _, rr := range s.ask("www.example.org.", dns.TypeA).Answer {
		if ttl := rr.Header().Ttl; ttl != 60 {
			t.Errorf("TTL of a pool at rest is %d, not the record's 60", ttl)
		}
	}
	for _, rr := range s.ask("www.example.org.", dns.TypeMX).Ns {
		if ttl := rr.Header().Ttl; ttl != 30 {
			t.Errorf("TTL of the negative answer's SOA is %d, not the SOA's minimum 30 (RFC 2308 section 3)", ttl)
		}
	}
}

func TestEveryAnswerHasTwoDifferentServers(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	first := map[string]int{}
	for range 300 {
		m := s.ask("www.example.org.", dns.TypeA)
		if len(m.Answer) != 2 || m.Answer[0].String() == m.Answer[1].String() {
			t.Fatalf("Answer is not two different servers:\n%v", m)
		}
		first[m.Answer[0].(*dns.A).A.String()]++
	}
	if !(first["192.0.2.1"] > first["192.0.2.2"] && first["192.0.2.2"] > first["192.0.2.3"] && first["192.0.2.3"] > 0) {
		t.Errorf("First servers of 300 answers are %v; weights are 4, 2, 1", first)
	}
}

func TestTransports(t *testing.T) {
	dir := t.TempDir()
	var many strings.Builder
	for i := range 30 {
		label := string(rune('a'+i%26)) + strings.Repeat("x", 10+i)
		many.WriteString("_big._tcp IN SRV 0 1 80 " + label + "\n" + label + " IN A 192.0.2.7\n")
	}
	writeZone(t, dir, "zone", webPool+"big 60 IN LB srv _big._tcp check=none answers=30\n"+many.String())
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	t.Run("TCP", func(t *testing.T) {
		if m := s.askOver("tcp", "big.example.org.", dns.TypeSRV); m.Truncated || len(m.Answer) != 30 {
			t.Errorf("Over TCP: truncated %v, %d records; want all 30", m.Truncated, len(m.Answer))
		}
	})
	t.Run("bufsize 512", func(t *testing.T) {
		m := s.ask("big.example.org.", dns.TypeSRV, func(m *dns.Msg) { m.SetEdns0(512, false) })
		m.Compress = true // as it came
		if !m.Truncated || m.Len() > 512 {
			t.Errorf("Reply of %d bytes, truncated %v; want TC and at most 512", m.Len(), m.Truncated)
		}
	})
	t.Run("no EDNS", func(t *testing.T) {
		m := s.ask("www.example.org.", dns.TypeA)
		if m.IsEdns0() != nil || m.Truncated || len(m.Answer) != 2 {
			t.Errorf("Reply to a query without EDNS:\n%v", m)
		}
	})
	t.Run("DO alone does not change the order of a draw", func(t *testing.T) {
		first := map[string]int{}
		for range 100 {
			m := s.ask("www.example.org.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, true) })
			first[m.Answer[0].(*dns.A).A.String()]++
		}
		if len(first) != 3 {
			t.Errorf("The first of 100 answers was always one of %v: resolvers all set DO, and clients take the first", first)
		}
	})
}
