package ballast

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/freeport"
)

// isReady asks the ready plugin.
func isReady(t testing.TB, addr string) bool {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + addr + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// fakeConsul accepts connections and never says a word until it is given an
// answer.
type fakeConsul struct {
	addr   string
	answer atomic.Pointer[string] // to every query
	calls  atomic.Int64
	closed chan struct{}
	once   sync.Once
}

func newFakeConsul(t testing.TB) *fakeConsul {
	t.Helper()
	f := &fakeConsul{closed: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	server := &http.Server{Handler: f}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { f.release(); server.Close(); <-done })
	return f
}

// release ends the requests that hang.
func (f *fakeConsul) release() { f.once.Do(func() { close(f.closed) }) }

func (f *fakeConsul) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.calls.Add(1)
	text := f.answer.Load()
	if text == nil || r.URL.Query().Get("index") != "" {
		select {
		case <-r.Context().Done():
		case <-f.closed:
		}
		return
	}
	w.Header().Set("X-Consul-Index", "7")
	w.Header().Set("X-Consul-KnownLeader", "true")
	w.Header().Set("X-Consul-LastContact", "0")
	fmt.Fprint(w, *text)
}

const consulZone = "www 60 IN LB consul web min-ttl=5\nalias IN CNAME www\n*.wild 60 IN LB consul web\nstatic IN A 192.0.2.7\n"

const oneInstance = `[{"Node":{"Node":"n1","Address":"192.0.2.10"},"Service":{"ID":"web-1","Address":"192.0.2.11","Port":80,"Weights":{"Passing":1,"Warning":1}},"Checks":[]}]`

func TestNotReadyBeforeTheFirstPools(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", consulZone)
	consul := newFakeConsul(t)
	addr := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	began := time.Now()
	s := serve(t, dir, "ready "+addr+"\nballast DIR/zone {\nreload 0\nstartup_timeout 200ms\nconsul "+consul.addr+"\n}")
	if took := time.Since(began); took < 200*time.Millisecond || took > 3*time.Second {
		t.Errorf("The start took %v with a startup_timeout of 200ms", took)
	}
	if isReady(t, addr) {
		t.Error("Ready without a pool")
	}
	if got := addresses(s.ask("static.example.org.", dns.TypeA)); len(got) != 1 {
		t.Errorf("The static part is answered with %v", got)
	}
	for _, name := range []string{"www", "alias", "x.wild"} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
			m := s.ask(name+".example.org.", qtype)
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) > 1 || len(addresses(m)) > 0 || len(m.Ns) != 1 || m.Ns[0].Header().Ttl != 1 {
				t.Errorf("Before the first pool the answer should be NODATA with a TTL of 1, but is\n%v", m)
			}
		}
	}
	text := oneInstance
	consul.answer.Store(&text)
	consul.release() // what hangs fails, and is asked again
	until(t, "the first pool", 8*time.Second, func() bool { return isReady(t, addr) })
	if got := addresses(s.ask("www.example.org.", dns.TypeA)); len(got) != 1 || got[0] != "192.0.2.11" {
		t.Errorf("Ready, but www is answered with %v", got)
	}
}

func TestStaysReadyWithoutItsSource(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", consulZone)
	consul := newFakeConsul(t)
	text := oneInstance
	consul.answer.Store(&text)
	addr := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	// The plugin "ready" forgets who was ready once, unless it monitors.
	s := serve(t, dir, "ready "+addr+" {\nmonitor continuously\n}\nballast DIR/zone {\nreload 0\nconsul "+consul.addr+"\n}")
	if !isReady(t, addr) {
		t.Fatal("Not ready after the start, though Consul answered")
	}
	consul.answer.Store(nil)
	consul.release()
	f := s.hub().allFeeds()[0]
	until(t, "the source is in trouble", 5*time.Second, func() bool { return f.status().Err != "" })
	if !isReady(t, addr) {
		t.Error("The loss of a source made it unready")
	}
	if got := addresses(s.ask("www.example.org.", dns.TypeA)); len(got) != 1 {
		t.Errorf("The last pool is not answered: %v", got)
	}
}

// A pool that is known to be empty is known.
func TestReadyWithAnEmptyPool(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", consulZone)
	consul := newFakeConsul(t)
	text := "[]"
	consul.answer.Store(&text)
	addr := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	s := serve(t, dir, "ready "+addr+"\nballast DIR/zone {\nreload 0\nconsul "+consul.addr+"\n}")
	if !isReady(t, addr) {
		t.Error("Not ready with an empty pool")
	}
	m := s.ask("www.example.org.", dns.TypeA)
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) > 0 || len(m.Ns) != 1 || m.Ns[0].Header().Ttl != 5 {
		t.Errorf("An empty pool should be NODATA with the shortest TTL, but is\n%v", m)
	}
}

// Probed pools are known once every server has answered or timed out.
func TestReadyWaitsForProbes(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", fmt.Sprintf("www 60 IN LB srv _http._tcp check=http:/ every=400ms timeout=400ms\n"+
		"_http._tcp IN SRV 0 1 %d local\nlocal IN A 127.0.0.1\n", silentPort(t)))
	addr := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	serve(t, dir, "ready "+addr+"\nballast DIR/zone {\nreload 0\nstartup_timeout 0\n}")
	if isReady(t, addr) {
		t.Error("Ready before the first probe ended")
	}
	until(t, "ready", 5*time.Second, func() bool { return isReady(t, addr) })
}

// silentPort is a port of 127.0.0.1 whose connections open and stay silent.
func silentPort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}
