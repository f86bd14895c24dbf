package ballast

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/freeport"

	"github.com/prometheus/client_golang/prometheus"
)

// What goes takes its series along, whichever way it goes.
func TestSeriesOfWhatIsGoneVanish(t *testing.T) {
	const two = `
www 60 IN LB srv _http._tcp check=none min-ttl=10
_http._tcp 60 IN SRV 10 4 80 web1
_http._tcp 60 IN SRV 10 2 80 web2
web1 IN A 192.0.2.1
web2 IN A 192.0.2.2
`
	for _, change := range []struct {
		name    string
		records string
		gone    string // a part of the series that must be gone
		stays   string // and of one that must not
	}{
		{"a server", two, `real_server="web3`, `server_weight{name="www.example.org.",real_server="web1`},
		{"a name", "ftp 60 IN LB srv _http._tcp check=none\n_http._tcp IN SRV 0 1 1 web1\nweb1 IN A 192.0.2.1\n", `name="www.`, `name="ftp.`},
		{"a source", "ftp 60 IN LB srv _ftp._tcp check=none\n_ftp._tcp IN SRV 0 1 1 web1\nweb1 IN A 192.0.2.1\n", `source="srv _http.`, `source="srv _ftp.`},
		{"everything", "", `real_server=`, "zone_reload_failed"},
	} {
		for _, way := range []string{"zone reload", "restart"} {
			t.Run(change.name+" by "+way, func(t *testing.T) {
				s, dir, body, addr := measured(t)
				s.given("www.example.org.", 20)
				until(t, "the series", 5*time.Second, func() bool { return len(scrape(t, addr).with(change.gone)) > 0 })
				if way == "restart" {
					body = strings.Replace(body, "reload 20ms", "reload 0", 1)
					if err := s.restart(dir, body); err != nil {
						t.Fatal(err)
					}
				}
				writeZone(t, dir, "zone", change.records)
				if way == "restart" {
					if err := s.restart(dir, body); err != nil {
						t.Fatal(err)
					}
				}
				until(t, "series of what is new", 5*time.Second, func() bool { return len(scrape(t, addr).with(change.stays)) > 0 })
				// Reads of the same file end before the series of the old one go.
				until(t, "series of what is gone go", 5*time.Second, func() bool { return len(scrape(t, addr).with(change.gone)) == 0 })
			})
		}
	}
}

func TestFailedRestartKeepsTheSeries(t *testing.T) {
	s, dir, body, addr := measured(t)
	s.given("www.example.org.", 20)
	before := scrape(t, addr)
	broken := body + "\n}\nexample.net:53 {\nbind 192.0.2.1\nwhoami"
	if err := s.restart(dir, broken); err == nil {
		t.Fatal("The restart did not fail")
	}
	counts := s.given("www.example.org.", 20)
	after := scrape(t, addr)
	for i, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		id := fmt.Sprintf("web%d.example.org:80", i+1)
		was, is := before.of("answers_total", "real_server", id), after.of("answers_total", "real_server", id)
		if is-was != float64(counts[ip]) {
			t.Errorf("answers_total of %s went from %v to %v with %d answers more", id, was, is, counts[ip])
		}
	}
}

// seriesOf counts the series of a metric in CoreDNS's registry.
func seriesOf(t testing.TB, metric string) int {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == metric {
			return len(f.GetMetric())
		}
	}
	return 0
}

// Server blocks for one zone share its series. What one of them gives up goes on
// counting for the other.
func TestSeriesOfTwoBlocks(t *testing.T) {
	for _, change := range []struct {
		name string
		do   func(t *testing.T, s *server, dir, addr, one string)
	}{
		{"the other zone file loses the name", func(t *testing.T, _ *server, dir, addr, _ string) {
			writeZone(t, dir, "other", "")
			until(t, "the file is read", 5*time.Second, func() bool {
				return scrape(t, addr).series[`coredns_ballast_zone_reloads_total{result="ok",zone="example.org."}`] > 0
			})
		}},
		{"the other block goes", func(t *testing.T, s *server, dir, _, one string) {
			if err := s.restart(dir, one); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(change.name, func(t *testing.T) {
			dir, addr := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
			writeZone(t, dir, "zone", webPool)
			writeZone(t, dir, "other", webPool)
			one := "prometheus " + addr + "\nballast DIR/zone {\nreload 0\n}"
			other := fmt.Sprintf("\n}\nexample.org:%d {\nbind 127.0.0.1\nballast DIR/other {\nreload 20ms\n}", freeport.For(t))
			s := serve(t, dir, one+other)
			listening(t, addr)
			change.do(t, s, dir, addr, one)
			before := scrape(t, addr).of("queries_total", "reason", "live")
			s.given("www.example.org.", 20)
			if n := scrape(t, addr).of("queries_total", "reason", "live") - before; n != 20 {
				t.Errorf("20 queries are counted as %v, from %v on", n, before)
			}
		})
	}
}

// Two blocks with different servers for one name: each of them is counted.
func TestAnswersOfTwoBlocksAreSummed(t *testing.T) {
	const others = `
www 60 IN LB srv _http._tcp answers=2 check=none
_http._tcp 60 IN SRV 10 4 80 web1
_http._tcp 60 IN SRV 10 2 80 web9
web1 IN A 192.0.2.1
web9 IN A 192.0.2.9
`
	dir, addr, port := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", freeport.For(t)), freeport.For(t)
	writeZone(t, dir, "zone", webPool)
	writeZone(t, dir, "other", others)
	body := fmt.Sprintf("prometheus %s\nballast DIR/zone\n}\nexample.org:%d {\nbind 127.0.0.1\nballast DIR/other", addr, port)
	s := serve(t, dir, body)
	listening(t, addr)
	second := &server{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port), port: port}
	want := s.given("www.example.org.", 20)
	for ip, n := range second.given("www.example.org.", 10) {
		want[ip] += n
	}
	summed := func(e exported) {
		t.Helper()
		for ip, n := range want {
			id := fmt.Sprintf("web%s.example.org:80", ip[len(ip)-1:])
			if got := e.of("answers_total", "real_server", id); got != float64(n) {
				t.Errorf("%s was given %d times, but %v are counted", id, n, got)
			}
		}
	}
	summed(scrape(t, addr))
	if err := s.restart(dir, body); err != nil {
		t.Fatal(err)
	}
	summed(scrape(t, addr)) // while the blocks of before may still run
	if w := scrape(t, addr).of("server_weight", "real_server", "web9.example.org:80"); w != -99 {
		t.Errorf("A server of the second block has the weight %v among those of the first", w)
	}
}

func TestCountersHandedOnCountOnce(t *testing.T) {
	var a, b atomic.Uint64
	a.Store(5)
	b.Store(7)
	if n := total([]*atomic.Uint64{&a, &b, &a}, (*atomic.Uint64).Load); n != 12 {
		t.Errorf("5 and 7, of which the first is in two instances, are counted as %d", n)
	}
}
