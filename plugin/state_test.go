package ballast

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/snapshot"

	"github.com/miekg/dns"
)

func known(name string, p *pool.Pool, confirmed time.Time) map[string]snapshot.Source {
	return map[string]snapshot.Source{name: {Key: name, Name: "consul " + name, Confirmed: confirmed, Pool: p}}
}

// stateful is a directory with a zone and a place for state.
func stateful(t testing.TB, records string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeZone(t, dir, "zone", records)
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

const keepsState = "ballast DIR/zone {\nstate DIR/state\ncontrol DIR/control/coredns.sock\nreload 0\n}"

func controlIn(dir string) *control.Client {
	return control.Dial(filepath.Join(dir, "control/coredns.sock"))
}

// kept waits until all that is known is on disk.
func kept(t testing.TB, dir string) {
	t.Helper()
	asked := time.Now()
	until(t, "the state is written", 10*time.Second, func() bool {
		s := statusOf(t, dir).State
		return s.Err == "" && s.Current.After(asked)
	})
}

func statusOf(t testing.TB, dir string) control.Status {
	t.Helper()
	status, err := controlIn(dir).Status(t.Context())
	if err != nil || status.State == nil {
		t.Fatalf("Status is %+v (%v)", status, err)
	}
	return status
}

// The whole of it: Consul and the name server stop, and the name server starts
// again alone.
func TestPoolsOfConsulSurviveARestart(t *testing.T) {
	t.Parallel() // it mostly waits
	c := consultest.Start(t, consultest.Options{})
	register(t, c, instance{ID: "web-1", Name: "web", Address: "192.0.2.1", Weights: map[string]int{"Passing": 4, "Warning": 1}})
	register(t, c, instance{ID: "web-2", Name: "web", Address: "192.0.2.2"})
	register(t, c, instance{ID: "db-1", Name: "db", Address: "192.0.2.11"})
	dir := stateful(t, "www 60 IN LB consul web min-ttl=5 ramp=0\ndb 60 IN LB consul db\n")
	body := strings.Replace(keepsState, "{", "{\nconsul "+c.Addr, 1)
	s := serve(t, dir, body)
	until(t, "the pools", 10*time.Second, s.ballast().Ready)
	drain := control.Override{Server: "web-2", Name: "www.example.org", Drain: true, By: "ann: disks", Until: time.Now().Add(time.Hour)}
	over := control.Override{Server: "db-1", Factor: 0.5, Until: time.Now().Add(2 * time.Second)}
	for _, word := range []control.Override{drain, over} {
		if _, err := controlIn(dir).SetOverride(t.Context(), word); err != nil {
			t.Fatal(err)
		}
	}
	kept(t, dir)
	s.stop()
	stopped := time.Now()
	register(t, c, instance{ID: "web-3", Name: "web", Address: "192.0.2.3"})
	deregister(t, c, "web-1")
	c.Kill()
	until(t, "the second word has ended", 5*time.Second, func() bool { return time.Now().After(over.Until) })

	began := time.Now()
	s = serve(t, dir, body)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("The start took %v, though the pools are known", took)
	}
	if m := s.ask("www.example.org.", dns.TypeA); !slices.Equal(addresses(m), []string{"192.0.2.1"}) || m.Answer[0].Header().Ttl != 5 {
		t.Errorf("Answered at once, with web-2 drained:\n%v", m)
	}
	if !s.ballast().Ready() {
		t.Error("It is not ready, though all pools are known")
	}
	status := statusOf(t, dir)
	if len(status.Overrides) != 1 || status.Overrides[0].By != drain.By || !status.Overrides[0].Until.Equal(drain.Until) {
		t.Errorf("Overrides are %+v, want the drain alone", status.Overrides)
	}
	for _, source := range status.Sources {
		age := time.Since(stopped)
		if source.Snapshot.IsZero() || source.Age.Duration() < age || source.Age.Duration() > age+15*time.Second || source.Servers == 0 || source.Err == "" {
			t.Errorf("%v after the end the source is %+v", age, source)
		}
	}
	e, err := controlIn(dir).Explain(t.Context(), control.ExplainRequest{Name: "www.example.org"})
	if err != nil || e.Snapshot.IsZero() || !e.Confirmed.Before(stopped) || !hasBound(e, "stale") {
		t.Errorf("Explained as %+v (%v)", e, err)
	}

	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := controlIn(dir).ClearOverride(t.Context(), "web-2", "www.example.org"); err != nil {
		t.Fatal(err)
	}
	until(t, "what happened meanwhile", 15*time.Second, func() bool { return s.answered("www") == "192.0.2.2 192.0.2.3" })
	until(t, "both sources confirm", 15*time.Second, func() bool {
		return !slices.ContainsFunc(statusOf(t, dir).Sources, func(s control.SourceStatus) bool { return !s.Snapshot.IsZero() || s.Err != "" })
	})
}

// Servers that were down are not answered while they are asked anew, and those
// that were up are believed only as long.
func TestProbedPoolsSurviveARestart(t *testing.T) {
	var hangs atomic.Bool
	release := make(chan struct{})
	answering := func(status int) string {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if hangs.Load() {
				<-release
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(web.Close)
		_, port, _ := strings.Cut(web.Listener.Addr().String(), ":")
		return port
	}
	dir := stateful(t, fmt.Sprintf(`www 60 IN LB srv _http._tcp check=http:/ every=3s timeout=3s rise=1 fall=3 min-ttl=5
_http._tcp IN SRV 0 1 %s up
_http._tcp IN SRV 0 1 %s down
up IN A 127.0.0.1
down IN A 127.0.0.1
`, answering(200), answering(500)))
	targets := func(s *server) string {
		var names []string
		for _, rr := range s.ask("www.example.org.", dns.TypeSRV).Answer {
			names = append(names, rr.(*dns.SRV).Target)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	s := serve(t, dir, keepsState)
	until(t, "the health of both", 5*time.Second, func() bool { return targets(s) == "up.example.org." })
	s.stop()
	t.Cleanup(func() { close(release) })
	hangs.Store(true)

	began := time.Now()
	s = serve(t, dir, keepsState)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("The start waited %v for servers whose health is known", took)
	}
	if got := targets(s); got != "up.example.org." {
		t.Errorf("Before the first checks have ended %s is answered", got)
	}
	if source := statusOf(t, dir).Sources[0]; source.Snapshot.IsZero() || source.Confirmed.IsZero() || source.Confirmed.After(began) {
		t.Errorf("The source is %+v", source)
	}
	until(t, "the first round decides", 10*time.Second, func() bool { return targets(s) == "down.example.org. up.example.org." }) // all are down
	if source := statusOf(t, dir).Sources[0]; !source.Snapshot.IsZero() {
		t.Errorf("After the first round the source is %+v", source)
	}
}

func TestStateThatCannotBeUsed(t *testing.T) {
	whole := func(t *testing.T) string {
		dir := stateful(t, webPool)
		s := serve(t, dir, keepsState)
		s.stop()
		text, err := os.ReadFile(filepath.Join(dir, "state", poolsName))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}(t)
	for _, tc := range []struct{ name, pools, overrides, log string }{
		{"a snapshot cut short", whole[:len(whole)/2], "", "cut short; it is kept as "},
		{"an empty one", "", "", "it is empty"},
		{"of a later version", strings.Replace(whole, `"version":1`, `"version":2`, 1), "", "it has version 2, and this program reads 1"},
		{"of something else", "not ours", "", "pools are unknown until their sources answer"},
		{"overrides that are none", whole, whole, "overrides.jsonl cannot be used: it holds pools, not overrides"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := stateful(t, webPool)
			state := filepath.Join(dir, "state")
			os.WriteFile(filepath.Join(state, poolsName), []byte(tc.pools), 0o600)
			bad := poolsName
			if tc.overrides != "" {
				bad = overridesName
				os.WriteFile(filepath.Join(state, overridesName), []byte(tc.overrides), 0o600)
			}
			j := logged(t)
			s := serve(t, dir, keepsState)
			if len(s.ask("www.example.org.", dns.TypeA).Answer) != 2 {
				t.Error("It does not answer")
			}
			kept(t, dir)
			if !strings.Contains(j.String(), tc.log) || !strings.Contains(j.String(), filepath.Join(state, bad)) {
				t.Errorf("Logged:\n%s\nwant %q and the file", j, tc.log)
			}
			if _, err := os.Stat(filepath.Join(state, bad+".bad")); err != nil {
				t.Errorf("The file is not kept: %v", err)
			}
			s.stop()
			if text, err := os.ReadFile(filepath.Join(state, poolsName)); err != nil || !strings.Contains(string(text), "web3.example.org") {
				t.Errorf("It is not replaced (%v):\n%s", err, text)
			}
		})
	}
}

func TestSnapshotFromTheFuture(t *testing.T) {
	dir := stateful(t, "www 60 IN LB consul web min-ttl=5\n")
	now := time.Now()
	p := &pool.Pool{Service: "web", Servers: []pool.Server{{ID: "n/web-1", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Capacity: 1, Health: pool.Passing,
		Load: pool.Load{Value: 0.99, At: now.Add(time.Hour)}}}}
	f, err := os.Create(filepath.Join(dir, "state", poolsName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	later := now.Add(time.Hour)
	if err := snapshot.EncodePools(f, later, byName(known("web", p, later))); err != nil {
		t.Fatal(err)
	}
	j := logged(t)
	s := serve(t, dir, strings.Replace(keepsState, "{", fmt.Sprintf("{\nconsul 127.0.0.1:%d", closedPort(t)), 1))
	if got := s.answered("www"); got != "192.0.2.1" {
		t.Errorf("Answered with %s", got)
	}
	status := statusOf(t, dir)
	if source := status.Sources[0]; source.Snapshot.IsZero() || source.Age.Duration() > time.Minute || source.Age < 0 {
		t.Errorf("The source is %+v", source)
	}
	if load := status.Zones[0].Names[0].Members[0].Load; load != nil {
		t.Errorf("A load of unknown age counts: %v", *load)
	}
	if !strings.Contains(j.String(), "the clock was set back") {
		t.Errorf("Logged:\n%s", j)
	}
}

func TestStateOverReloads(t *testing.T) {
	dir := stateful(t, webPool)
	os.Mkdir(filepath.Join(dir, "other"), 0o700)
	s := serve(t, dir, keepsState)
	kept(t, dir)
	file := filepath.Join(dir, "state", poolsName)
	k := s.hub().keeper

	if err := s.restart(dir, keepsState); err != nil {
		t.Fatal(err)
	}
	if s.hub().keeper != k {
		t.Error("The reload began to keep state anew")
	}
	kept(t, dir)
	if err := s.restart(dir, keepsState+"\n}\nexample.net:53 {\nbind 192.0.2.1\nwhoami"); err == nil {
		t.Fatal("The restart did not fail")
	}
	os.Remove(file)
	if _, err := controlIn(dir).SetOverride(t.Context(), control.Override{Server: "web1.example.org", Drain: true}); err != nil {
		t.Fatal(err)
	}
	until(t, "the drain is written after a failed reload", 5*time.Second, func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "state", overridesName))
		return strings.Contains(string(text), "web1.example.org")
	})
	if err := s.restart(dir, strings.Replace(keepsState, "DIR/state", "DIR/other", 1)); err != nil {
		t.Fatal(err)
	}
	kept(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "other", poolsName)); err != nil {
		t.Errorf("The other directory: %v", err)
	}
	if err := s.restart(dir, "ballast DIR/zone {\nreload 0\n}"); err != nil {
		t.Fatal(err)
	}
	if s.hub().keeper != nil || len(s.hub().overrides.list()) != 1 {
		t.Error("Without a directory the drain is forgotten, or state kept all the same")
	}
}
