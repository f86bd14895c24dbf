package ballast

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
)

func TestScopeOfHashedAnswersByAnyWay(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+`
hash 60 IN LB srv _http._tcp check=none policy=hash
alias IN CNAME hash
*.wild 60 IN LB srv _http._tcp check=none policy=hash
down 60 IN LB srv _dead._tcp empty=hash
_dead._tcp IN SRV 0 1 1 dead
dead IN A 127.0.0.1
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	for _, ask := range []string{"hash", "alias", "x.wild", "down", "_http._tcp.hash"} {
		qtype := dns.TypeA
		if strings.HasPrefix(ask, "_") {
			qtype = dns.TypeSRV
		}
		o := clientSubnet(s.ask(ask+".example.org.", qtype, subnet("203.0.113.0", 24, 0)))
		if o == nil || o.SourceScope != 24 {
			t.Errorf("%s is answered with the client subnet %v, want scope 24", ask, o)
		}
	}
}

func TestStickyOffDrawsAnew(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+"hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=off\n")
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	given := map[string]bool{}
	for range 100 {
		given[texts(s.ask("hash.example.org.", dns.TypeA).Answer)[0]] = true
	}
	if len(given) != 3 {
		t.Errorf("100 answers were always one of %v", given)
	}
}

func TestNoRecordTwice(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", `twin 60 IN LB srv _twin._tcp check=none answers=3
_twin._tcp IN SRV 0 1 80 box
_twin._tcp IN SRV 0 1 81 box
_twin._tcp IN SRV 0 1 82 other
box IN A 192.0.2.1
other IN A 192.0.2.2
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	if m := s.ask("twin.example.org.", dns.TypeA); len(m.Answer) != 2 {
		t.Errorf("Two servers of three share an address, and the answer is\n%v", m)
	}
	if m := s.ask("twin.example.org.", dns.TypeSRV); len(m.Answer) != 3 || len(m.Extra) != 2 {
		t.Errorf("Three servers at two addresses, and SRV is answered\n%v", m)
	}
}

func TestHostNamesDependOnTheirServerAlone(t *testing.T) {
	members := func(ids ...string) (ms []policy.Member) {
		for _, id := range ids {
			ms = append(ms, policy.Member{Server: &pool.Server{ID: id}})
		}
		return ms
	}
	all := hostNames("www.example.org.", members("n1/web", "n2/web", "n3/web-é", "n3/web.x", "n3/web_x", strings.Repeat("n", 70)+"/web"))
	if all[0] != "n1-web.www.example.org." || all[1] != "n2-web.www.example.org." {
		t.Errorf("Names of node and ID are %v", all[:2])
	}
	if slices.Contains(all, "n3-web-x.www.example.org.") || all[3] == all[4] {
		t.Errorf("Names that would come out alike are %v", all[3:5])
	}
	if left := hostNames("www.example.org.", members("n2/web")); left[0] != all[1] {
		t.Errorf("After others left, %s is called %s", all[1], left[0])
	}
	if long := hostNames(strings.Repeat("a.", 120)+"example.org.", members("n1/web")); long[0] != "" {
		t.Errorf("%s does not fit into a message", long[0])
	}
}

func TestNamesAroundLBNames(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+`
*.www IN A 203.0.113.66
out IN CNAME www.example.net.
w2 60 IN LB srv _dead._tcp empty=alias
alias IN CNAME www
_dead._tcp IN SRV 0 1 1 dead
dead IN A 127.0.0.1
a.ent IN A 192.0.2.9
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\nfallthrough\n}\nwhoami")
	t.Run("_port._tcp beats a wildcard", func(t *testing.T) {
		if m := s.ask("_80._tcp.www.example.org.", dns.TypeSRV); len(m.Answer) != 3 {
			t.Errorf("Answered\n%v", m)
		}
	})
	t.Run("ANY follows no alias", func(t *testing.T) {
		if m := s.ask("out.example.org.", dns.TypeANY); len(m.Answer) != 1 || m.Answer[0].Header().Rrtype != dns.TypeCNAME {
			t.Errorf("Answered\n%v", m)
		}
	})
	t.Run("fallback through an alias", func(t *testing.T) {
		m := s.ask("w2.example.org.", dns.TypeA)
		if len(m.Answer) != 2 || m.Answer[0].Header().Name != "w2.example.org." {
			t.Errorf("Answered\n%v", m)
		}
	})
	t.Run("an empty non-terminal does not fall through", func(t *testing.T) {
		if m := s.ask("ent.example.org.", dns.TypeA); m.Rcode != dns.RcodeSuccess || len(m.Ns) != 1 || len(m.Extra) != 0 {
			t.Errorf("Answered\n%v", m)
		}
	})
	t.Run("a name that is not there does", func(t *testing.T) {
		if m := s.ask("nope.example.org.", dns.TypeA); len(m.Extra) == 0 {
			t.Errorf("whoami did not answer:\n%v", m)
		}
	})
}

func TestApexOfAParkedZone(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "zone"), []byte("@ 60 IN SOA ns.example.net. h.example.net. 1 2 3 4 5\n@ 60 IN NS ns.example.net.\n"), 0o644)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	if m := s.ask("example.org.", dns.TypeA); m.Rcode != dns.RcodeSuccess || len(m.Ns) != 1 {
		t.Errorf("A at the apex is answered\n%v", m)
	}
	if m := s.ask("example.org.", dns.TypeANY); len(m.Answer) != 1 {
		t.Errorf("ANY at the apex is answered\n%v", m)
	}
}

func TestDSIsAskedOfTheParent(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", "sub IN NS ns1\nsub IN DS 1 8 2 "+strings.Repeat("ab", 32)+"\n")
	os.WriteFile(filepath.Join(dir, "sub"), []byte("@ 60 IN SOA ns.example.net. h.example.net. 1 2 3 4 5\n@ 60 IN NS ns.example.net.\n"), 0o644)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}\nballast DIR/sub sub.example.org {\nreload 0\n}")
	if m := s.ask("sub.example.org.", dns.TypeDS); len(m.Answer) != 1 {
		t.Errorf("DS of a child that is served here too is answered\n%v", m)
	}
}

func TestOneZoneTwiceIsRefused(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	c := caddy.NewTestController("dns", strings.ReplaceAll("ballast DIR/zone\nballast DIR/zone", "DIR", dir))
	c.ServerBlockKeys = []string{"example.org."}
	if err := setup(c); err == nil || !strings.Contains(err.Error(), "served from") {
		t.Errorf("Error is %v", err)
	}
}

func TestMendedIncludeIsNoticed(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", "version IN TXT one\n")
	s := serve(t, dir, quickReload)
	z := s.hub().zones[0]
	for _, broken := range []string{"version IN TXTT two\n", ""} {
		if broken != "" {
			os.WriteFile(filepath.Join(dir, "part"), []byte(broken), 0o644)
		} else {
			os.Remove(filepath.Join(dir, "part"))
		}
		writeZone(t, dir, "zone", "$INCLUDE part\n;"+broken+"\n")
		until(t, "the failure", 5*time.Second, func() bool { return z.status(time.Now()).Err != "" })
		os.WriteFile(filepath.Join(dir, "part"), []byte("version IN TXT mended\n"), 0o644)
		until(t, "the mended include", 5*time.Second, func() bool { return z.status(time.Now()).Err == "" && s.txt("version.example.org.") == "mended" })
	}
}

// A word that an operator gives while a reload is under way is not lost: the
// new instance waits for its pools, and the socket is still the old one's.
func TestOverrideDuringARestart(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "ballast DIR/zone {\ncontrol DIR/control/coredns.sock\nreload 0\n}")
	old := s.hub()
	next := newHub()
	next.succeed(old)
	z, err := newZone(next, &config{file: filepath.Join(dir, "zone")}, nil, "example.org.")
	if err != nil {
		t.Fatal(err)
	}
	next.addZone(z)
	ctl := control.Dial(filepath.Join(dir, "control/coredns.sock"))
	if _, err := ctl.SetOverride(t.Context(), control.Override{Server: "192.0.2.1", Drain: true}); err != nil {
		t.Fatal(err)
	}
	for _, m := range z.data.Load().steers["www.example.org."].served.Load().plan.Members {
		if m.In && m.Server.Addrs[0] == netip.MustParseAddr("192.0.2.1") {
			t.Error("The new instance serves what was drained")
		}
	}
	next.discard()
	old.mu.Lock()
	old.successor = nil
	old.mu.Unlock()
}

// CoreDNS calls a restart failed also when another plugin of the old instance
// did not end well: then the new instance serves, and must go on.
func TestRestartThatFailsAtItsEnd(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	body := "ballast DIR/zone {\ncontrol DIR/control/coredns.sock\nreload 0\n}"
	s := serve(t, dir, body)
	before := settled()
	s.inst.OnShutdown = append([]func() error{func() error { return os.ErrDeadlineExceeded }}, s.inst.OnShutdown...)
	old := s.inst
	if err := s.restart(dir, body); err == nil {
		t.Fatal("The restart did not fail")
	}
	for _, inst := range caddy.Instances() {
		if inst != old {
			s.inst = inst
		}
	}
	if s.inst == old || !s.hub().isRunning() {
		t.Fatal("The instance that serves has been stopped")
	}
	if _, err := control.Dial(filepath.Join(dir, "control/coredns.sock")).Status(t.Context()); err != nil {
		t.Errorf("Its control socket: %v", err)
	}
	until(t, "goroutines are back", 5*time.Second, func() bool { return settled() <= before+3 })
}

func TestServersOfOnePort(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", `www 60 IN LB srv _http._tcp check=none
_http._tcp IN SRV 0 1 80 a
_http._tcp IN SRV 0 1 81 b
a IN A 192.0.2.1
b IN A 192.0.2.2
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	m := s.ask("_81._tcp.www.example.org.", dns.TypeSRV)
	if len(m.Answer) != 1 || len(m.Extra) != 1 || m.Answer[0].(*dns.SRV).Target != "b.example.org." {
		t.Errorf("Servers on port 81 are\n%v", m)
	}
}

func TestMappedAddressIsIPv4(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", "www 60 IN LB srv _http._tcp check=none\n_http._tcp IN SRV 0 1 80 a\na IN AAAA ::ffff:192.0.2.7\n")
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	if m := s.ask("www.example.org.", dns.TypeA); len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != "192.0.2.7" {
		t.Errorf("Answered\n%v", m)
	}
}

func TestFallbackHasATTL(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", "www 60 IN LB srv _dead._tcp empty=sorry\n_dead._tcp IN SRV 0 1 1 dead\ndead IN A 127.0.0.1\nsorry 0 IN A 192.0.2.7\n")
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	if m := s.ask("www.example.org.", dns.TypeA); len(m.Answer) != 1 || m.Answer[0].Header().Ttl == 0 {
		t.Errorf("Answered\n%v", m)
	}
}

func TestSourcesThatProbeDifferentlyHaveTheirOwnNames(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", `one 60 IN LB srv _http._tcp check=none
two 60 IN LB srv _http._tcp check=tcp:9 every=1m
_http._tcp IN SRV 0 1 80 a
a IN A 127.0.0.1
`)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	names := map[string]bool{}
	for _, f := range s.hub().allFeeds() {
		names[f.name] = true
	}
	if len(names) != 2 {
		t.Errorf("Two sources are called %v", names)
	}
}
