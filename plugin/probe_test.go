package ballast

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/skip"

	"github.com/miekg/dns"
)

// realServer is a web server at an address of its own on loopback. It can be
// killed and started again.
type realServer struct {
	t    *testing.T
	ip   string
	port int
	load atomic.Pointer[string] // value of the load header
	http *http.Server
	done chan struct{}
}

func newRealServer(t *testing.T, ip string) *realServer {
	t.Helper()
	s := &realServer{t: t, ip: ip}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *realServer) start() {
	s.t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", s.ip, s.port))
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		skip.UnlessCI(s.t, "%s is no address of this machine", s.ip)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	server, done := &http.Server{Handler: s}, make(chan struct{})
	s.http, s.done = server, done
	go func() { defer close(done); server.Serve(l) }()
}

func (s *realServer) kill() {
	s.http.Close()
	<-s.done
}

func (s *realServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if load := s.load.Load(); load != nil {
		w.Header().Set(pool.LoadHeader, *load)
	}
	if r.URL.Path != "/healthz" {
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *realServer) setLoad(load string) {
	text := "TEXT application_utilization=" + load
	s.load.Store(&text)
}

// probed is a server with three equal real servers that it probes quickly.
func probed(t *testing.T, options string) (*server, *control.Client, []*realServer) {
	t.Helper()
	records := "www 20 IN LB srv _web._tcp check=http:/healthz every=100ms timeout=100ms rise=2 fall=2 min-ttl=2 answers=1 " + options + "\n"
	var real []*realServer
	for i := range 3 {
		r := newRealServer(t, fmt.Sprintf("127.0.0.%d", 31+i))
		real = append(real, r)
		records += fmt.Sprintf("_web._tcp IN SRV 0 1 %d s%d\ns%d IN A %s\n", r.port, i, i, r.ip)
	}
	s, ctl := controlled(t, records)
	return s, ctl, real
}

// member is what is explained of one server of www.
func member(t *testing.T, ctl *control.Client, r *realServer) (control.ExplainedMember, control.Explanation) {
	t.Helper()
	e, err := ctl.Explain(t.Context(), control.ExplainRequest{Name: "www.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range e.Members {
		if int(m.Port) == r.port {
			return m, e
		}
	}
	t.Fatalf("Nothing of port %d in %+v", r.port, e)
	return control.ExplainedMember{}, e
}

func hasBound(e control.Explanation, name string) bool {
	for _, b := range e.Bounds {
		if b.Name == name {
			return true
		}
	}
	return false
}

func TestDeadServerGoesOutAndComesBackByARamp(t *testing.T) {
	t.Parallel() // it mostly waits
	s, ctl, real := probed(t, "ramp=2s")
	if got := s.given("www.example.org.", 60); len(got) != 3 {
		t.Fatalf("Before, 60 answers were %v", got)
	}
	victim := real[1]

	victim.kill()
	killed := time.Now()
	until(t, "the dead server is out", 5*time.Second, func() bool { m, _ := member(t, ctl, victim); return !m.In })
	// Two failures at most 110 ms apart, the first within 110 ms; then a query.
	took := time.Since(killed)
	t.Logf("out after %v", took)
	if limit := 2*110*time.Millisecond + 300*time.Millisecond; took > limit {
		t.Errorf("It took %v, more than fall*every and some grace, %v", took, limit)
	}
	if got := s.given("www.example.org.", 60); got[victim.ip] != 0 || len(got) != 2 {
		t.Errorf("With a dead server 60 answers were %v", got)
	}
	if m, _ := member(t, ctl, victim); m.Health != pool.Critical || !says(m.Why, "refused") {
		t.Errorf("The dead server is explained as %+v", m)
	}

	victim.start()
	until(t, "it is in again", 5*time.Second, func() bool { m, _ := member(t, ctl, victim); return m.In })
	m, e := member(t, ctl, victim)
	if m.Factors.Ramp >= 1 || m.Share >= 1./3 || !says(m.Why, "warming up") || !hasBound(e, "ramping") {
		t.Errorf("Just back it is explained as %+v, bounds %+v", m, e.Bounds)
	}
	last, steps := m.Share, 0
	until(t, "it has its full share", 6*time.Second, func() bool {
		m, _ := member(t, ctl, victim)
		if m.Share < last-1e-9 {
			t.Errorf("Its share fell from %v to %v while it warmed up", last, m.Share)
		}
		if m.Share > last {
			steps++
		}
		last = m.Share
		return m.Factors.Ramp == 1
	})
	if steps < 2 {
		t.Errorf("Its share grew in %d steps", steps)
	}
	if got := s.given("www.example.org.", 60); got[victim.ip] == 0 {
		t.Errorf("After the ramp 60 answers were %v", got)
	}
}

func TestLoadedServerGetsLess(t *testing.T) {
	t.Parallel() // it mostly waits
	s, ctl, real := probed(t, "policy=weighted")
	for _, r := range real {
		r.setLoad("0.30")
	}
	busy := real[2]
	until(t, "the loads are known", 5*time.Second, func() bool { m, _ := member(t, ctl, busy); return m.Load != nil && *m.Load == 0.30 })
	before, e := member(t, ctl, busy)
	if before.Share < 0.33 || hasBound(e, "overloaded") {
		t.Errorf("At ease it is explained as %+v, bounds %+v", before, e.Bounds)
	}

	busy.setLoad("0.95")
	until(t, "the overload is seen", 5*time.Second, func() bool {
		m, _ := member(t, ctl, busy)
		return says(m.Why, "load 0.95 is above 0.90")
	})
	until(t, "its share falls", 5*time.Second, func() bool { m, _ := member(t, ctl, busy); return m.Share < before.Share/2 })
	m, e := member(t, ctl, busy)
	if m.Factors.Headroom > 0.5 || e.TTL >= control.Seconds(20*time.Second) || !hasBound(e, "overloaded") {
		t.Errorf("Overloaded it is explained as %+v, TTL %v, bounds %+v", m, e.TTL, e.Bounds)
	}
	if ttl := s.ask("www.example.org.", dns.TypeA).Answer[0].Header().Ttl; ttl != 2 {
		t.Errorf("The TTL beside an overloaded server is %d, not min-ttl 2", ttl)
	}
	until(t, "it is out", 6*time.Second, func() bool { m, _ := member(t, ctl, busy); return !m.In })
	if got := s.given("www.example.org.", 60); got[busy.ip] != 0 {
		t.Errorf("Beside an overloaded server 60 answers were %v", got)
	}

	busy.setLoad("0.80")
	until(t, "the lower load is seen", 5*time.Second, func() bool { m, _ := member(t, ctl, busy); return *m.Load == 0.80 })
	if m, _ := member(t, ctl, busy); m.In || !says(m.Why, "back below 0.75") {
		t.Errorf("At 0.80 after an overload it is explained as %+v", m)
	}
	busy.setLoad("0.40")
	until(t, "it is in again", 5*time.Second, func() bool { m, _ := member(t, ctl, busy); return m.In })
}

func TestExecCheck(t *testing.T) {
	dir, flag := t.TempDir(), filepath.Join(t.TempDir(), "maintenance")
	script := "#!/bin/sh\n[ \"$1\" = 127.0.0.41 ] && [ -e " + flag + " ] && { echo closed for repair; exit 2; }\nexit 0\n"
	if err := os.Mkdir(filepath.Join(dir, "checks"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "checks", "open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	writeZone(t, dir, "zone", `www 20 IN LB srv _web._tcp check=exec:open every=100ms timeout=100ms fall=1 rise=1 answers=2
_web._tcp IN SRV 0 1 80 a
_web._tcp IN SRV 0 1 80 b
a IN A 127.0.0.41
b IN A 127.0.0.42
`)
	s := serve(t, dir, "ballast DIR/zone {\nexec DIR/checks\nreload 0\n}")
	answered := func() string { return strings.Join(addresses(s.ask("www.example.org.", dns.TypeA)), " ") }
	until(t, "both are up", 5*time.Second, func() bool { return answered() == "127.0.0.41 127.0.0.42" })
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	until(t, "one is out", 5*time.Second, func() bool { return answered() == "127.0.0.42" })
	status, err := (&operator{hub: s.hub()}).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m := status.Zones[0].Names[0].Members[0]; m.Health != pool.Critical || !strings.Contains(m.HealthWhy, "closed for repair") {
		t.Errorf("The program's word is not told: %+v", m)
	}
	os.Remove(flag)
	until(t, "both are in again", 5*time.Second, func() bool { return answered() == "127.0.0.41 127.0.0.42" })
}
