package ballast

import (
	"errors"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"

	"github.com/miekg/dns"
)

// controlled is a server with a control socket, and its client.
func controlled(t *testing.T, records string) (*server, *control.Client) {
	t.Helper()
	dir := t.TempDir()
	writeZone(t, dir, "zone", records)
	s := serve(t, dir, "ballast DIR/zone {\ncontrol DIR/control/coredns.sock\nreload 0\n}")
	return s, control.Dial(filepath.Join(dir, "control/coredns.sock"))
}

func TestStatus(t *testing.T) {
	s, ctl := controlled(t, zoo)
	asked := s.given("www.example.org.", 20)
	until(t, "the dead pool is known to be dead", 5*time.Second, func() bool {
		return len(addresses(s.ask("none.example.org.", dns.TypeA))) == 0
	})
	status, err := ctl.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.Program != "coredns" || status.PID == 0 || time.Since(status.Started) > time.Minute || len(status.Zones) != 1 {
		t.Fatalf("Status is %+v", status)
	}
	z := status.Zones[0]
	if z.Origin != "example.org." || z.Serial != 1 || z.LBs != 8 || len(z.Names) != 8 || z.Err != "" || z.Loaded.IsZero() {
		t.Errorf("Zone is %+v", z)
	}
	names := map[string]control.NameStatus{}
	for _, n := range z.Names {
		names[strings.TrimSuffix(n.Name, ".example.org.")] = n
	}
	www := names["www"]
	if www.Source != "srv _http._tcp.example.org." || www.Mode != "live" || www.Policy != "weighted" || len(www.Members) != 3 ||
		www.TTL != control.Seconds(time.Minute) || www.MinTTL != control.Seconds(10*time.Second) || www.TTLWhy == "" {
		t.Errorf("www is %+v", www)
	}
	for i, m := range www.Members {
		ip := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}[i]
		if m.Addrs[0].String() != ip || m.Port != 80 || m.Tier != 10 || !m.In || m.Weight != []float64{4, 2, 1}[i] {
			t.Errorf("Member %d is %+v", i, m)
		}
		if m.Answers < uint64(asked[ip]) {
			t.Errorf("%s was given %d times, but %d are told", ip, asked[ip], m.Answers)
		}
	}
	if none := names["none"]; none.Mode != "nobody" || none.Reason == "" || none.Members[0].In || none.Members[0].HealthWhy == "" {
		t.Errorf("none is %+v", none)
	}
	var sources []string
	for _, source := range status.Sources {
		sources = append(sources, source.Source)
	}
	if want := []string{"srv _dead._tcp.example.org.", "srv _http._tcp.example.org.", "srv _one._tcp.example.org."}; !slices.Equal(slices.Compact(sources), want) {
		t.Errorf("Sources are %q, want %q", sources, want)
	}
	if dead := status.Sources[0]; !strings.Contains(dead.Err, "127.0.0.1:1") || dead.Servers != 1 {
		t.Errorf("The dead source is %+v", dead)
	}
}

func TestExplain(t *testing.T) {
	_, ctl := controlled(t, zoo+"hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=24/56\n")
	for _, tc := range []struct {
		name    string
		ask     control.ExplainRequest
		err     error
		lb      string // the name that is explained
		drawn   int
		sampled bool
		key     string
	}{
		{name: "A by default", ask: control.ExplainRequest{Name: "www.example.org"}, lb: "www", drawn: 2, sampled: true},
		{name: "capitals and a final dot", ask: control.ExplainRequest{Name: "WWW.Example.ORG."}, lb: "www", drawn: 2, sampled: true},
		{name: "AAAA of those that have one", ask: control.ExplainRequest{Name: "www.example.org", Type: "AAAA"}, lb: "www", drawn: 1, sampled: true},
		{name: "SRV", ask: control.ExplainRequest{Name: "www.example.org", Type: "srv"}, lb: "www", drawn: 3, sampled: true},
		{name: "from a subnet", ask: control.ExplainRequest{Name: "hash.example.org", From: netip.MustParsePrefix("203.0.113.0/24")},
			lb: "hash", drawn: 1, key: "203.0.113.0/24"},
		{name: "wildcard", ask: control.ExplainRequest{Name: "some.thing.wild.example.org"}, lb: "*.wild", drawn: 1, sampled: true},
		{name: "CNAME", ask: control.ExplainRequest{Name: "alias.example.org"}, lb: "three", drawn: 3, sampled: true},
		{name: "two CNAMEs", ask: control.ExplainRequest{Name: "twice.example.org"}, lb: "three", drawn: 3, sampled: true},
		{name: "static name", ask: control.ExplainRequest{Name: "ns1.example.org"}, err: control.ErrNotFound},
		{name: "unknown name", ask: control.ExplainRequest{Name: "nope.example.org"}, err: control.ErrNotFound},
		{name: "another zone", ask: control.ExplainRequest{Name: "www.example.net"}, err: control.ErrNotFound},
		{name: "a type that is never steered", ask: control.ExplainRequest{Name: "www.example.org", Type: "MX"}, err: control.ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := ctl.Explain(t.Context(), tc.ask)
			if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
				t.Fatalf("Error is %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			if e.Name != tc.lb+".example.org." || e.Zone != "example.org." || e.Mode != "live" || e.Source == "" {
				t.Errorf("Explained %+v", e)
			}
			if len(e.Drawn) != tc.drawn || e.Sampled != tc.sampled || e.Key != tc.key {
				t.Errorf("Drawn %v, sampled %v, key %q; want %d, %v, %q", e.Drawn, e.Sampled, e.Key, tc.drawn, tc.sampled, tc.key)
			}
			if len(e.Bounds) == 0 || e.Bounds[0].Name != "record ttl" || e.TTL != control.Seconds(time.Minute) {
				t.Errorf("TTL %v because of %+v", e.TTL, e.Bounds)
			}
			for _, m := range e.Members {
				if f := m.Factors; f.Capacity*f.Health*f.Headroom*f.Ramp*f.Override != m.Weight {
					t.Errorf("Weight of %s is %v, its factors are %+v", m.ID, m.Weight, f)
				}
			}
		})
	}
}

func TestExplainTellsWhatAClientGets(t *testing.T) {
	s, ctl := controlled(t, webPool+"hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=24/56\n")
	for _, net := range []string{"198.51.100.0", "203.0.113.0", "192.0.2.0", "100.64.7.0"} {
		e, err := ctl.Explain(t.Context(), control.ExplainRequest{Name: "hash.example.org", From: netip.MustParsePrefix(net + "/24")})
		if err != nil {
			t.Fatal(err)
		}
		addr := addresses(s.ask("hash.example.org.", dns.TypeA, subnet(net, 24, 0)))[0]
		if want := "web" + addr[len(addr)-1:] + ".example.org:80"; e.Drawn[0] != want {
			t.Errorf("%s/24 is said to get %s, but gets %s", net, e.Drawn[0], want)
		}
	}
}

// share is what part of new answers a server gets, and why.
func share(t *testing.T, ctl *control.Client, name, id string) (share float64, in bool, why []string) {
	t.Helper()
	e, err := ctl.Explain(t.Context(), control.ExplainRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range e.Members {
		if m.ID == id {
			return m.Share, m.In, m.Why
		}
	}
	t.Fatalf("%s has no member %s: %+v", name, id, e.Members)
	return 0, false, nil
}

const web1 = "web1.example.org:80"

func TestOverrides(t *testing.T) {
	s, ctl := controlled(t, zoo)
	set := func(word control.Override) control.Override {
		t.Helper()
		set, err := ctl.SetOverride(t.Context(), word)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	web1Given := func() int { return s.given("one.example.org.", 60)["192.0.2.1"] }

	t.Run("factor", func(t *testing.T) {
		word := set(control.Override{Server: web1, Factor: 0.25, By: "ann: new kernel"})
		if word.Matches != 1 || word.Set.IsZero() {
			t.Errorf("Set %+v", word)
		}
		if part, in, why := share(t, ctl, "www.example.org", web1); part != 0.25 || !in || !says(why, "x0.25 by operator: ann: new kernel") {
			t.Errorf("web1 has a share of %v (%v): %q", part, in, why)
		}
	})
	t.Run("drain", func(t *testing.T) {
		if word := set(control.Override{Server: web1, Drain: true, By: "ann"}); word.Served != 0 {
			t.Errorf("The drained server is said to be served: %+v", word)
		}
		if n := web1Given(); n != 0 {
			t.Errorf("The drained server was given %d times", n)
		}
		if part, in, why := share(t, ctl, "www.example.org", web1); part != 0 || in || !says(why, "drained by operator: ann") {
			t.Errorf("web1 has a share of %v (%v): %q", part, in, why)
		}
		status, err := ctl.Status(t.Context())
		if err != nil || len(status.Overrides) != 1 || !status.Overrides[0].Drain || status.Overrides[0].Matches != 1 {
			t.Errorf("Overrides are %+v (%v), want one", status.Overrides, err)
		}
	})
	t.Run("clear", func(t *testing.T) {
		if n, err := ctl.ClearOverride(t.Context(), web1, ""); n != 1 || err != nil {
			t.Errorf("Cleared %d (%v)", n, err)
		}
		// Taken back within a moment, the drain has cooled nothing down.
		if part, in, why := share(t, ctl, "www.example.org", web1); math.Abs(part-4.0/7) > 1e-9 || !in || len(why) > 0 {
			t.Errorf("web1 has a share of %v (%v): %q", part, in, why)
		}
		if _, err := ctl.ClearOverride(t.Context(), web1, ""); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("Clearing it again: %v", err)
		}
	})
	t.Run("one name only", func(t *testing.T) {
		set(control.Override{Server: "web2.example.org:80", Name: "one.example.org", Drain: true})
		if _, in, _ := share(t, ctl, "www.example.org", "web2.example.org:80"); !in {
			t.Error("The override of one name drained the server at another")
		}
		if n := s.given("one.example.org.", 60)["192.0.2.2"]; n != 0 {
			t.Errorf("The drained server was given %d times", n)
		}
		if n, err := ctl.ClearOverride(t.Context(), "web2.example.org:80", "one.example.org"); n != 1 || err != nil {
			t.Errorf("Cleared %d (%v)", n, err)
		}
	})
	t.Run("all servers by a pattern", func(t *testing.T) {
		word := set(control.Override{Server: "web*", Name: "www.example.org", Drain: true})
		if word.Matches != 3 || word.Served != 3 {
			t.Errorf("%q matches %d servers, not 3, and leaves %d in answers", word.Server, word.Matches, word.Served)
		}
		if got := addresses(s.ask("www.example.org.", dns.TypeA)); len(got) == 0 {
			t.Error("With everybody drained nobody is answered; empty=all is the default")
		}
		if n, err := ctl.ClearOverride(t.Context(), "web*", ""); n != 1 || err != nil {
			t.Errorf("Cleared %d (%v)", n, err)
		}
	})
	t.Run("of what is not there", func(t *testing.T) {
		if word := set(control.Override{Server: "web9", Drain: true}); word.Matches != 0 {
			t.Errorf("Set %+v", word)
		}
		if _, err := ctl.SetOverride(t.Context(), control.Override{Server: web1, Factor: 11}); !errors.Is(err, control.ErrInvalid) {
			t.Errorf("Factor 11: %v", err)
		}
	})
}

func TestOverrideEnds(t *testing.T) {
	t.Parallel() // it mostly waits
	s, ctl := controlled(t, webPool)
	end := time.Now().Add(700 * time.Millisecond)
	if _, err := ctl.SetOverride(t.Context(), control.Override{Server: web1, Drain: true, Until: end}); err != nil {
		t.Fatal(err)
	}
	if n := s.given("www.example.org.", 20)["192.0.2.1"]; n != 0 {
		t.Errorf("The drained server was given %d times", n)
	}
	if m := s.ask("www.example.org.", dns.TypeA); m.Answer[0].Header().Ttl != 10 {
		t.Errorf("The TTL is %d though the override ends soon; want min-ttl 10", m.Answer[0].Header().Ttl)
	}
	var back time.Time
	until(t, "the end of the override", 5*time.Second, func() bool {
		_, in, _ := share(t, ctl, "www.example.org", web1)
		back = time.Now()
		return in
	})
	if late := back.Sub(end); late < 0 || late > time.Second {
		t.Errorf("The override ended %v after its time", late)
	}
	until(t, "the word is dropped", 2*time.Second, func() bool {
		status, err := ctl.Status(t.Context())
		return err == nil && len(status.Overrides) == 0
	})
}

// TestOrderDuringReload is an order that a name under construction has missed:
// plans are told of orders by those that serve, and it does not yet.
func TestOrderDuringReload(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	s.hub().overrides.set(control.Override{Server: "web1*", Drain: true})
	until(t, "the drained server is out", 5*time.Second, func() bool {
		for range 20 {
			for _, line := range texts(s.ask("www.example.org.", dns.TypeA).Answer) {
				if strings.HasSuffix(line, " 192.0.2.1") {
					return false
				}
			}
		}
		return true
	})
}
