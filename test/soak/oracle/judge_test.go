package oracle

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var limits = Limits{
	Consul: 2 * time.Second, Probe: 5 * time.Second, Zone: 3 * time.Second,
	Operator: time.Second, Load: 10 * time.Second, Ages: 20 * time.Second, Answer: 2 * time.Second,
}

func server(service string, n int) Server {
	return Server{
		ID:    fmt.Sprintf("n%d/%s-%d", n, service, n),
		Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})}, Port: 80, Weight: 1,
	}
}

// pool has the servers with the addresses 192.0.2.from to 192.0.2.to.
func poolOf(service string, from, to int) Pool {
	p := Pool{}
	for n := from; n <= to; n++ {
		s := server(service, n)
		p[s.ID] = s
	}
	return p
}

func steered(owner, source, policy, empty string) *Name {
	return &Name{TTL: 60, LB: &LB{
		Owner: owner, Source: source, Service: "_web", Policy: policy, Answers: 2, TTL: 60, Min: 5, Empty: empty,
	}}
}

// zoneOf is a zone with the LB names www and those given.
func zoneOf(serial uint32, more map[string]*Name) *Zone {
	z := &Zone{Origin: "example.org.", Serial: serial, Negative: 30, Names: map[string]*Name{
		"example.org.":        {TTL: 300, Sets: map[uint16][]string{dns.TypeNS: {"ns1.example.org."}}},
		"static.example.org.": {TTL: 300, Sets: map[uint16][]string{dns.TypeA: {"192.0.2.200", "192.0.2.201"}}},
		"*.dev.example.org.":  {TTL: 300, Sets: map[uint16][]string{dns.TypeA: {"192.0.2.202"}}},
		"shop.example.org.":   {TTL: 300, Alias: "www.example.org."},
		"www.example.org.":    steered("www.example.org.", "consul web", "weighted", "all"),
		"sorry.example.org.":  {TTL: 300, Sets: map[uint16][]string{dns.TypeA: {"192.0.2.203"}}},
	}}
	for owner, n := range more {
		z.Names[owner] = n
	}
	return z
}

// world is a model with five servers behind www, of a process that has been running
// for a minute.
func world(more map[string]*Name) *Model {
	m := New(limits, zoneOf(1, more))
	m.Source("consul web", false, poolOf("web", 1, 5))
	m.Start(0)
	m.Up(time.Second)
	return m
}

// seconds is a time.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// now is when tests ask.
const now = time.Minute

// at is a question that was asked and answered at a time.
func at(t time.Duration, name string, qtype uint16) Asked {
	return Asked{Question: Question{Name: name, Type: qtype}, Sent: t, Received: t + time.Millisecond}
}

// reply is an answer in the form of a zone file, with a header in its first word: a
// code, and "-aa" if the bit is missing.
func reply(t *testing.T, a Asked, header string, sections ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(a.Name, a.Type)
	m.RecursionDesired = false
	m.Response, m.Authoritative = true, !strings.Contains(header, "-aa")
	m.Rcode = dns.StringToRcode[strings.Fields(header)[0]]
	for i, section := range sections {
		for line := range strings.Lines(section) {
			rr, err := dns.NewRR(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if rr == nil {
				continue
			}
			switch i {
			case 0:
				m.Answer = append(m.Answer, rr)
			case 1:
				m.Ns = append(m.Ns, rr)
			case 2:
				m.Extra = append(m.Extra, rr)
			}
		}
	}
	return m
}

const soa = "example.org. 30 IN SOA ns1.example.org. hostmaster.example.org. 1 7200 900 1209600 30"

// TestJudgeAtRest has answers at a time at which nothing has changed for long: for
// each kind of mistake one that has it.
func TestJudgeAtRest(t *testing.T) {
	const www, two = "www.example.org.", "www.example.org. 30 IN A 192.0.2.1\nwww.example.org. 30 IN A 192.0.2.2"
	for _, test := range []struct {
		name     string
		question string
		qtype    uint16
		header   string
		sections []string
		want     Kind // empty: right
	}{
		{"two servers", www, dns.TypeA, "NOERROR", []string{two}, ""},
		{"an alias and two servers", "shop.example.org.", dns.TypeA, "NOERROR", []string{"shop.example.org. 300 IN CNAME www.example.org.\n" + two}, ""},
		{"another case", "WWW.example.ORG.", dns.TypeA, "NOERROR", []string{two}, ""},
		{"static records", "static.example.org.", dns.TypeA, "NOERROR", []string{"static.example.org. 300 IN A 192.0.2.201\nstatic.example.org. 300 IN A 192.0.2.200"}, ""},
		{"a wildcard", "x.dev.example.org.", dns.TypeA, "NOERROR", []string{"x.dev.example.org. 300 IN A 192.0.2.202"}, ""},
		{"no such name", "none.example.org.", dns.TypeA, "NXDOMAIN", []string{"", soa}, ""},
		{"no data", "static.example.org.", dns.TypeMX, "NOERROR", []string{"", soa}, ""},
		{"no IPv6", www, dns.TypeAAAA, "NOERROR", []string{"", soa}, ""},
		{"another type at an LB name", www, dns.TypeTXT, "NOERROR", []string{"", soa}, ""},
		{"an empty non-terminal", "dev.example.org.", dns.TypeA, "NOERROR", []string{"", soa}, ""},
		{"somebody else's name", "www.example.net.", dns.TypeA, "REFUSED -aa", nil, ""},
		{"a service", "_web._tcp.www.example.org.", dns.TypeSRV, "NOERROR", []string{services("_web._tcp.www.example.org.", 5)}, ""},
		{"a host below an LB name", "n1-web-1.www.example.org.", dns.TypeA, "NOERROR", []string{"n1-web-1.www.example.org. 30 IN A 192.0.2.1"}, ""},
		{"no such host", "n9-web-9.www.example.org.", dns.TypeA, "NXDOMAIN", []string{"", soa}, ""},

		{"SERVFAIL", www, dns.TypeA, "SERVFAIL", nil, Code},
		{"REFUSED", www, dns.TypeA, "REFUSED", nil, Code},
		{"NXDOMAIN for a name that exists", www, dns.TypeA, "NXDOMAIN", []string{"", soa}, Code},
		{"NXDOMAIN where a wildcard is", "x.dev.example.org.", dns.TypeA, "NXDOMAIN", []string{"", soa}, Code},
		{"NXDOMAIN at an empty non-terminal", "dev.example.org.", dns.TypeA, "NXDOMAIN", []string{"", soa}, Code},
		{"no data for a name that does not exist", "none.example.org.", dns.TypeA, "NOERROR", []string{"", soa}, Code},
		{"no data for a host that does not exist", "n9-web-9.www.example.org.", dns.TypeA, "NOERROR", []string{"", soa}, Code},
		{"not authoritative", www, dns.TypeA, "NOERROR -aa", []string{two}, Flags},
		{"a server that is no member", www, dns.TypeA, "NOERROR", []string{two + "1"}, Stranger},
		{"one server of two", www, dns.TypeA, "NOERROR", []string{"www.example.org. 30 IN A 192.0.2.1"}, Few},
		{"nobody", www, dns.TypeA, "NOERROR", []string{"", soa}, Few},
		{"three servers of two", www, dns.TypeA, "NOERROR", []string{two + "\nwww.example.org. 30 IN A 192.0.2.3"}, Many},
		{"a TTL that is too long", www, dns.TypeA, "NOERROR", []string{strings.ReplaceAll(two, " 30 ", " 61 ")}, TTL},
		{"a TTL that is too short", www, dns.TypeA, "NOERROR", []string{strings.ReplaceAll(two, " 30 ", " 4 ")}, TTL},
		{"a TTL of 0", www, dns.TypeA, "NOERROR", []string{strings.ReplaceAll(two, " 30 ", " 0 ")}, TTL},
		{"two TTLs in a set", www, dns.TypeA, "NOERROR", []string{strings.Replace(two, " 30 ", " 31 ", 1)}, TTL},
		{"another TTL of static records", "x.dev.example.org.", dns.TypeA, "NOERROR", []string{"x.dev.example.org. 299 IN A 192.0.2.202"}, TTL},
		{"another TTL of an alias", "shop.example.org.", dns.TypeA, "NOERROR", []string{"shop.example.org. 30 IN CNAME www.example.org.\n" + two}, TTL},
		{"a record twice", www, dns.TypeA, "NOERROR", []string{strings.ReplaceAll(two, ".2.2", ".2.1")}, Duplicate},
		{"another owner", www, dns.TypeA, "NOERROR", []string{strings.ReplaceAll(two, "www", "web")}, Records},
		{"another type", www, dns.TypeA, "NOERROR", []string{"www.example.org. 30 IN AAAA 2001:db8::1"}, Records},
		{"the alias alone", "shop.example.org.", dns.TypeA, "NOERROR", []string{"shop.example.org. 300 IN CNAME www.example.org."}, Few},
		{"the alias left out", "shop.example.org.", dns.TypeA, "NOERROR", []string{two}, Records},
		{"a static record left out", "static.example.org.", dns.TypeA, "NOERROR", []string{"static.example.org. 300 IN A 192.0.2.200"}, Records},
		{"the wildcard itself", "x.dev.example.org.", dns.TypeA, "NOERROR", []string{"*.dev.example.org. 300 IN A 192.0.2.202"}, Records},
		{"LB records sent", www, dns.TypeTXT, "NOERROR", []string{`www.example.org. 60 IN TYPE65280 \# 1 00`}, Records},
		{"no SOA", "none.example.org.", dns.TypeA, "NXDOMAIN", nil, Authority},
		{"a serial that pools moved on", "none.example.org.", dns.TypeA, "NXDOMAIN", []string{"", strings.Replace(soa, " 1 ", " 2 ", 1)}, ""},
		{"the SOA of an older serial", "none.example.org.", dns.TypeA, "NXDOMAIN", []string{"", strings.Replace(soa, " 1 ", " 0 ", 1)}, Authority},
		{"an SOA for too long", "none.example.org.", dns.TypeA, "NXDOMAIN", []string{"", strings.Replace(soa, " 30 ", " 31 ", 1)}, Authority},
		{"an SOA with a TTL of 0", "none.example.org.", dns.TypeA, "NXDOMAIN", []string{"", strings.Replace(soa, " 30 ", " 0 ", 1)}, Authority},
		{"NS in the place of SOA", "none.example.org.", dns.TypeA, "NXDOMAIN", []string{"", "example.org. 300 IN NS ns1.example.org."}, Authority},
		{"a service without one of its servers", "_web._tcp.www.example.org.", dns.TypeSRV, "NOERROR", []string{services("_web._tcp.www.example.org.", 4)}, Few},
		{"a service with a stranger", "_web._tcp.www.example.org.", dns.TypeSRV, "NOERROR", []string{services("_web._tcp.www.example.org.", 6)}, Stranger},
		{"a service's stranger beside it", "_web._tcp.www.example.org.", dns.TypeSRV, "NOERROR",
			[]string{services("_web._tcp.www.example.org.", 5), "", "n9-web-9.www.example.org. 30 IN A 192.0.2.9"}, Stranger},
		{"a service's other port", "_web._tcp.www.example.org.", dns.TypeSRV, "NOERROR",
			[]string{strings.ReplaceAll(services("_web._tcp.www.example.org.", 5), " 80 ", " 81 ")}, Records},
		{"another host's address", "n1-web-1.www.example.org.", dns.TypeA, "NOERROR", []string{"n1-web-1.www.example.org. 30 IN A 192.0.2.2"}, Stranger},
		{"a host's name denied", "n1-web-1.www.example.org.", dns.TypeA, "NXDOMAIN", []string{"", soa}, Code},
		{"OPT though none was asked for", www, dns.TypeA, "NOERROR", []string{two, "", `. 0 CLASS1232 OPT`}, EDNS},
		{"an answer for somebody else's name", "www.example.net.", dns.TypeA, "NOERROR", []string{"www.example.net. 30 IN A 192.0.2.1"}, Code},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := at(now, test.question, test.qtype)
			var opt bool
			if n := len(test.sections); n == 3 && strings.HasSuffix(test.sections[2], "OPT") {
				test.sections, opt = test.sections[:2], true
			}
			m := reply(t, asked, test.header, test.sections...)
			if opt {
				m.SetEdns0(1232, false)
			}
			verdict(t, world(nil).Judge(asked, m), test.want)
		})
	}
}

// services are SRV records of the first servers.
func services(owner string, n int) string {
	var lines []string
	for i := 1; i <= n; i++ {
		lines = append(lines, fmt.Sprintf("%s 30 IN SRV 0 1000 80 n%d-web-%d.www.example.org.", owner, i, i))
	}
	return strings.Join(lines, "\n")
}

func verdict(t *testing.T, w *Wrong, want Kind) {
	t.Helper()
	switch {
	case w == nil && want != "":
		t.Errorf("It is taken for right, and is %s", want)
	case w != nil && w.Kind != want:
		t.Errorf("It is taken for %v, want %q", w, want)
	}
}

func TestJudgeForm(t *testing.T) {
	const two = "www.example.org. 30 IN A 192.0.2.1\nwww.example.org. 30 IN A 192.0.2.2"
	subnet := netip.MustParsePrefix("192.0.2.0/24")
	withSubnet := func(prefix string, scope uint8) func(*dns.Msg) {
		return func(m *dns.Msg) {
			p := netip.MustParsePrefix(prefix)
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{
				Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), SourceScope: scope, Address: p.Addr().AsSlice(),
			}}
		}
	}
	for _, test := range []struct {
		name   string
		edns   bool
		subnet netip.Prefix
		change func(*dns.Msg)
		want   Kind
	}{
		{"as it should be", false, netip.Prefix{}, func(*dns.Msg) {}, ""},
		{"with EDNS", true, netip.Prefix{}, func(m *dns.Msg) { m.SetEdns0(1232, false) }, ""},
		{"with the client's subnet", true, subnet, withSubnet("192.0.2.0/24", 24), ""},
		{"no question", false, netip.Prefix{}, func(m *dns.Msg) { m.Question = nil }, Garbled},
		{"another question", false, netip.Prefix{}, func(m *dns.Msg) { m.Question[0].Name = "web.example.org." }, Garbled},
		{"the question in another case", false, netip.Prefix{}, func(m *dns.Msg) { m.Question[0].Name = "WWW.example.org." }, Garbled},
		{"no answer at all", false, netip.Prefix{}, func(m *dns.Msg) { m.Response = false }, Flags},
		{"recursion", false, netip.Prefix{}, func(m *dns.Msg) { m.RecursionAvailable = true }, Flags},
		{"EDNS lost", true, netip.Prefix{}, func(*dns.Msg) {}, EDNS},
		{"the subnet lost", true, subnet, func(m *dns.Msg) { m.SetEdns0(1232, false) }, EDNS},
		{"another subnet", true, subnet, withSubnet("198.51.100.0/24", 24), EDNS},
		{"a longer scope", true, subnet, withSubnet("192.0.2.0/24", 32), EDNS},
		{"a subnet that was not sent", true, netip.Prefix{}, withSubnet("192.0.2.0/24", 24), EDNS},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := at(now, "www.example.org.", dns.TypeA)
			asked.EDNS, asked.Subnet = test.edns, test.subnet
			m := reply(t, asked, "NOERROR", two)
			test.change(m)
			verdict(t, world(nil).Judge(asked, m), test.want)
		})
	}
}
