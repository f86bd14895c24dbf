package ballast

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"

	"github.com/ballast-lb/ballast/zones"
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/edns"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// fuzzZone has every kind of name there is.
const fuzzZone = zoo + `
hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=20/48
*.hw 60 IN LB srv _http._tcp check=none policy=hash
u 60 IN LB srv _u._udp check=none
_u._udp IN SRV 0 1 53 web1
out IN CNAME www.example.net.
`

// givePool gives a steer a pool of its own, whoever else uses its feed.
func givePool(s *steer, p *pool.Pool) {
	f := &feed{feedSpec: s.feed.feedSpec, source: s.feed.source, first: s.feed.first, steers: map[*steer]struct{}{s: {}}}
	f.pool.Store(p)
	s.feed = f
	s.update(time.Now())
}

// fuzzHandler serves the zone with one pool down, one that moves and one that
// is unknown yet, without sources that run.
func fuzzHandler(t testing.TB) *Ballast {
	t.Helper()
	edns.SetSupportedOption(dns.EDNS0SUBNET) // as setup does
	b := handler(t, fuzzZone)
	z := b.zones["example.org."]
	for owner, s := range z.data.Load().steers {
		switch {
		case strings.HasPrefix(s.feed.name, "srv _dead."):
			dead := *s.feed.pool.Load()
			dead.Servers = append([]pool.Server(nil), dead.Servers...)
			dead.Servers[0].Health = pool.Critical
			givePool(s, &dead)
		case owner == "one.example.org.":
			givePool(s, nil)
		case owner == "three.example.org.": // as Consul's are: without host names
			p := &pool.Pool{Service: "three", At: time.Now()}
			for _, id := range []string{"n/a.b", "n/a-b", "n/", "n/" + strings.Repeat("x", 80)} {
				p.Servers = append(p.Servers, pool.Server{ID: id, Port: 80, Capacity: 1, Health: pool.Passing,
					Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}})
			}
			givePool(s, p)
		}
	}
	b.metadata = true
	b.Next = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return dns.RcodeRefused, nil })
	return b
}

// recorder keeps the replies.
type recorder struct {
	benchWriter
	replies []*dns.Msg
}

func (w *recorder) WriteMsg(m *dns.Msg) error { w.replies = append(w.replies, m); return nil }

func FuzzServeDNS(f *testing.F) {
	for _, name := range []string{"www", "WWW", "one", "three", "alias", "twice", "x.wild", "*.wild", "down", "none", "all", "chain",
		"hash", "a.hw", "x.sub", "ent", "any", "nope", "_80._tcp.www", "_http._tcp.www", "_tcp.www", "_udp.u", "_u._udp.u", "a-b.three",
		"_80._tcp.three", "_99999._tcp.www", "out", `a\.b.www`, `\000.www`} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeANY, dns.TypeNS, dns.TypeDS, zones.TypeLB, dns.TypeAXFR, dns.TypeNone} {
			m := new(dns.Msg).SetQuestion(name+".example.org.", qtype)
			if qtype == dns.TypeSRV {
				m.SetEdns0(4096, true)
			}
			addSeed(f, m)
		}
	}
	for _, prefix := range []string{"203.0.113.0/24", "2001:db8::/32", "0.0.0.0/0"} {
		m := new(dns.Msg).SetQuestion("hash.example.org.", dns.TypeA)
		p := netip.MustParsePrefix(prefix)
		subnet(p.Addr().String(), uint8(p.Bits()), 0)(m)
		addSeed(f, m)
		subnet(p.Addr().String(), uint8(p.Bits()), 9)(m)
		addSeed(f, m)
	}
	for _, options := range [][]dns.EDNS0{
		definedOptions(),
		{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 20, Address: net.IPv4(203, 0, 113, 0)}},
		{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("00", 41)}, unknownOption},
	} {
		for _, name := range []string{"hash", "www", "x.sub"} {
			m := new(dns.Msg).SetQuestion(name+".example.org.", dns.TypeA)
			withEDNS(0, 0x7FFF, options...)(m)
			addSeed(f, m)
			m.Extra = append(m.Extra, m.Extra[0])
			addSeed(f, m)
		}
	}
	notify := new(dns.Msg).SetNotify("example.org.")
	addSeed(f, notify)
	addSeed(f, new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA))
	addSeed(f, new(dns.Msg).SetQuestion(".", dns.TypeNS))

	b := fuzzHandler(f)
	f.Fuzz(func(t *testing.T, packet []byte) {
		r := new(dns.Msg)
		if r.Unpack(packet) != nil || !reachesPlugins(r) {
			return
		}
		asked := r.Copy()
		w := &recorder{benchWriter: benchWriter{remote: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 53), Port: 53}}}
		rcode, err := b.ServeDNS(context.Background(), w, r)
		if err != nil {
			t.Fatalf("Error %v for\n%v", err, asked)
		}
		if len(w.replies) > 1 || len(w.replies) == 1 != plugin.ClientWrite(rcode) {
			t.Fatalf("Rcode %d with %d replies to\n%v", rcode, len(w.replies), asked)
		}
		for _, m := range w.replies {
			checkReply(t, asked, m)
		}
	})
}

func addSeed(f *testing.F, m *dns.Msg) {
	f.Helper()
	packet, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packet)
}

// reachesPlugins tells whether CoreDNS lets a message through to the plugins:
// what dns.DefaultMsgAcceptFunc and dnsserver.Server.ServeDNS ask for.
func reachesPlugins(r *dns.Msg) bool {
	return !r.Response && len(r.Question) == 1 && r.Question[0].Qclass == dns.ClassINET &&
		(r.Opcode == dns.OpcodeQuery || r.Opcode == dns.OpcodeNotify) &&
		len(r.Answer) <= 1 && len(r.Ns) <= 1 && len(r.Extra) <= 2
}

// checkReply checks what holds for every reply.
func checkReply(t *testing.T, asked, m *dns.Msg) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf(format+"\nasked\n%v\nanswered\n%v", append(args, asked, m)...)
	}
	switch {
	case m.Id != asked.Id || !m.Response || m.Opcode != asked.Opcode || m.RecursionDesired != asked.RecursionDesired:
		fail("The header does not belong to the question")
	case len(m.Question) != 1 || m.Question[0] != asked.Question[0]:
		fail("The question is not repeated")
	case m.RecursionAvailable || m.AuthenticatedData || m.CheckingDisabled || m.Zero:
		fail("RA, AD, CD or Z is set by an authoritative server")
	case (m.IsEdns0() != nil) != (asked.IsEdns0() != nil):
		fail("An OPT record belongs to one that was asked with, and to no other")
	case m.IsEdns0() != nil && !plainOPT(m.IsEdns0(), asked.IsEdns0()):
		fail("The OPT record says what nobody knows")
	case m.Rcode == dns.RcodeServerFailure && endsInCNAME(m):
		// There is no server here that the file plugin could ask for the rest.
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		fail("The rcode is %s", dns.RcodeToString[m.Rcode])
	case m.Rcode == dns.RcodeNameError && len(m.Ns) != 1:
		fail("NXDOMAIN without a SOA")
	}
	referral := len(m.Answer) == 0 && len(m.Ns) > 0 && m.Ns[0].Header().Rrtype == dns.TypeNS
	if m.Authoritative == referral {
		fail("AA is %v", m.Authoritative)
	}
	if len(m.Answer) == 0 && len(m.Ns) == 0 {
		fail("Neither answer nor authority")
	}
	for _, rr := range append(append(append([]dns.RR(nil), m.Answer...), m.Ns...), m.Extra...) {
		switch h := rr.Header(); {
		case h.Rrtype == dns.TypeOPT:
		case h.Rrtype == zones.TypeLB:
			fail("A record of a private type: %v", rr)
		case h.Ttl == 0 || h.Ttl > 3600:
			fail("TTL %d: %v", h.Ttl, rr)
		}
	}
	if bare := m.Copy(); atMost(bare) < bare.Len() {
		fail("%d octets are taken for at most %d", bare.Len(), atMost(bare))
	}
	// As CoreDNS sends it.
	scrubbed := (&request.Request{W: &benchWriter{remote: benchRemote}, Req: asked}).Scrub(m)
	packet, err := scrubbed.Pack()
	if err == nil {
		err = new(dns.Msg).Unpack(packet)
	}
	if err != nil {
		fail("It cannot be sent: %v", err)
	}
}

// plainOPT tells whether a reply's OPT record has DO, a client subnet as it was
// asked for, and nothing else.
func plainOPT(opt, asked *dns.OPT) bool {
	if opt.Hdr.Ttl&^uint32(doBit) != 0 || opt.Do() != asked.Do() || len(opt.Option) > 1 {
		return false
	}
	if len(opt.Option) == 0 {
		return subnetOf(asked) == nil
	}
	o, ok := opt.Option[0].(*dns.EDNS0_SUBNET)
	was := subnetOf(asked)
	return ok && was != nil && o.SourceScope <= o.SourceNetmask && o.Family == was.Family && o.SourceNetmask == was.SourceNetmask && o.Address.Equal(was.Address)
}

func endsInCNAME(m *dns.Msg) bool {
	n := len(m.Answer)
	return n > 0 && m.Answer[n-1].Header().Rrtype == dns.TypeCNAME
}

func FuzzCorefile(f *testing.F) {
	for _, seed := range []string{
		"ballast zone", "ballast zone example.org", "ballast", "ballast zone {\n}", "ballast zone {",
		"ballast zone {\nconsul 127.0.0.1:8500\ndatacenter dc1\ntls a b c\ntls_servername x\n}",
		"ballast zone {\nconsul unix:///run/consul\ntoken /dev/null\n}",
		"ballast zone {\nreload 2s\nstartup_timeout 0\ncontrol off\nfallthrough a b\nexec /\n}",
		"ballast zone {\nreload -1s\n}", "ballast zone {\nconsul a\nconsul b\n}", "ballast \"a b\" 10.0.0.0/8 {\nreload\n}",
		"ballast zone {\nfallthrough\n}\nballast zone2 {\ncontrol /x\n}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := caddy.NewTestController("dns", text)
		c.ServerBlockKeys = []string{"example.org."}
		for c.Next() {
			cfg, err := parse(c)
			if err != nil {
				if strings.TrimSpace(err.Error()) == "" {
					t.Error("An error that says nothing")
				}
				return
			}
			if cfg.file == "" && !strings.Contains(text, `""`) || cfg.reload < 0 || cfg.startupTimeout < 0 {
				t.Errorf("Parsed to %+v", cfg)
			}
			if cfg.consul != nil && cfg.consul.Address == "" {
				t.Errorf("Consul without an address: %+v", cfg.consul)
			}
			for _, origin := range cfg.origins {
				if !strings.HasSuffix(origin, ".") || origin != strings.ToLower(origin) {
					t.Errorf("Origin %q is not a canonical name", origin)
				}
			}
		}
	})
}
