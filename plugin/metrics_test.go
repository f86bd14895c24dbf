package ballast

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// exported are the plugin's metrics as a scrape of a running server sees them.
type exported struct {
	text   string             // the plugin's lines only
	series map[string]float64 // by what stands before the value
}

func scrape(t testing.TB, addr string) exported {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	e := exported{series: map[string]float64{}}
	for line := range strings.Lines(string(body)) {
		if !strings.Contains(line, "coredns_ballast_") {
			continue
		}
		e.text += line
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if e.series[line[:at]], err = strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err != nil {
			t.Fatalf("Line %q: %v", line, err)
		}
	}
	return e
}

// of is the value of a series of example.org's www, or -99 if there is none.
func (e exported) of(metric, label, value string) float64 {
	key := fmt.Sprintf(`coredns_ballast_%s{name="www.example.org.",%s=%q,zone="example.org."}`, metric, label, value)
	if v, ok := e.series[key]; ok {
		return v
	}
	return -99
}

// with are the series in which text stands.
func (e exported) with(text string) (found []string) {
	for _, key := range slices.Sorted(maps.Keys(e.series)) {
		if strings.Contains(key, text) {
			found = append(found, key)
		}
	}
	return found
}

// closedPort is a port of 127.0.0.1 where nobody listens.
func closedPort(t testing.TB) int { return freeport.For(t) }

// openPort is a port of 127.0.0.1 where somebody accepts connections.
func openPort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().(*net.TCPAddr).Port
}

// measured is a server that exports metrics: of webPool, a pool of which half
// is down, and one that is down altogether.
func measured(t *testing.T) (s *server, dir, body, addr string) {
	dir = t.TempDir()
	records := fmt.Sprintf(`%s
half 60 IN LB srv _half._tcp every=100ms timeout=50ms fall=1 rise=1
_half._tcp IN SRV 0 1 %d local
_half._tcp IN SRV 0 1 %d local
dead 60 IN LB srv _dead._tcp every=100ms timeout=50ms fall=1
_dead._tcp IN SRV 0 1 %d local
adapt 60 IN LB srv _adapt._tcp check=http:/ every=100ms policy=headroom
_adapt._tcp IN SRV 0 1 %d local
local IN A 127.0.0.1
`, webPool, openPort(t), closedPort(t), closedPort(t), reportingPort(t))
	writeZone(t, dir, "zone", records)
	addr = fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	os.Mkdir(dir+"/state", 0o700)
	os.WriteFile(dir+"/secret", []byte(strings.Repeat("s", 32)), 0o600)
	body = "prometheus " + addr + "\ntransfer {\nto *\n}\nballast DIR/zone {\nstate DIR/state\nreload 20ms\n" +
		fmt.Sprintf("peers DIR/secret 127.0.0.1:%d 127.0.0.1:%d\n}", freeport.For(t), freeport.For(t))
	s = serve(t, dir, body)
	listening(t, addr)
	return s, dir, body, addr
}

// listening waits until somebody listens: the prometheus plugin begins late.
func listening(t testing.TB, addr string) {
	t.Helper()
	until(t, "a scrape", 5*time.Second, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// reportingPort is that of a server that tells its load.
func reportingPort(t *testing.T) int {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(pool.LoadHeader, "TEXT application_utilization=0.5")
	}))
	t.Cleanup(web.Close)
	return web.Listener.Addr().(*net.TCPAddr).Port
}

// inManual are the metrics that README.md lists, with their labels.
func inManual(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{}
	for _, m := range regexp.MustCompile("`(coredns_ballast_\\w+)\\{([^}]*)\\}`").FindAllStringSubmatch(string(text), -1) {
		labels := strings.Split(strings.ReplaceAll(m[2], " ", ""), ",")
		slices.Sort(labels)
		listed[m[1]] = labels
	}
	if len(listed) == 0 {
		t.Fatal("README.md lists no metrics")
	}
	return listed
}

func TestMetricsAreThoseOfTheManual(t *testing.T) {
	s, dir, _, addr := measured(t)
	s.ask("www.example.org.", dns.TypeA)
	s.ask("adapt.example.org.", dns.TypeA)
	zone, err := os.ReadFile(dir + "/zone")
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(dir+"/zone", append(zone, "more IN A 192.0.2.9\n"...), 0o644)
	until(t, "a reload", 5*time.Second, func() bool { return len(scrape(t, addr).with("zone_reloads_total")) > 0 })
	until(t, "a survey", 5*time.Second, func() bool { return len(scrape(t, addr).with("server_report_age_seconds")) > 0 })
	until(t, "a notification", 5*time.Second, func() bool { return len(scrape(t, addr).with("zone_notify_failing")) > 0 })
	until(t, "probes", 5*time.Second, func() bool { return len(scrape(t, addr).with("probes_total")) > 0 })
	e := scrape(t, addr)

	listed, seen := inManual(t), map[string]bool{}
	for series := range e.series {
		metric, rest, _ := strings.Cut(series, "{")
		metric = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(metric, "")
		seen[metric] = true
		var labels []string
		for _, m := range regexp.MustCompile(`(\w+)="[^"]*"`).FindAllStringSubmatch(rest, -1) {
			if m[1] == "le" {
				continue // the bucket's
			}
			labels = append(labels, m[1])
		}
		slices.Sort(labels)
		want, ok := listed[metric]
		if !ok {
			t.Errorf("README.md does not list %s", metric)
		} else if !slices.Equal(labels, want) {
			t.Errorf("%s has the labels %v; README.md says %v", metric, labels, want)
		}
	}
	for metric := range listed {
		if !seen[metric] {
			t.Errorf("README.md lists %s, but it is not exported", metric)
		}
	}
	problems, err := promlint.New(strings.NewReader(e.text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
}

func TestManualNamesEveryReason(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for mode := range policy.Waiting + 1 {
		if want := "`" + mode.String() + "`"; !strings.Contains(string(text), want) {
			t.Errorf("README.md does not name the reason %s", want)
		}
	}
}

func TestCountersCountWhatWasAnswered(t *testing.T) {
	s, _, _, addr := measured(t)
	before := scrape(t, addr)
	const asked = 40
	counts := s.given("www.example.org.", asked)
	s.given("dead.example.org.", 3)
	s.ask("nope.example.org.", dns.TypeA)
	after := scrape(t, addr)

	grown := func(metric, label, value string) int {
		return int(max(after.of(metric, label, value), 0) - max(before.of(metric, label, value), 0))
	}
	for i, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		id := fmt.Sprintf("web%d.example.org:80", i+1)
		if n := grown("answers_total", "real_server", id); n != counts[ip] {
			t.Errorf("%s was given %d times, but %d are counted", id, counts[ip], n)
		}
		if after.of("server_health", "real_server", id) != 1 {
			t.Errorf("server_health of %s is %v, not 1", id, after.of("server_health", "real_server", id))
		}
	}
	if n := grown("queries_total", "reason", "live"); n != asked {
		t.Errorf("%d queries were asked, but %d are counted", asked, n)
	}
	if weights := after.of("server_weight", "real_server", "web1.example.org:80"); weights != 4 {
		t.Errorf("server_weight of web1 is %v, not its capacity 4", weights)
	}
	down := `coredns_ballast_queries_total{name="dead.example.org.",reason="all-down",zone="example.org."}`
	if n := after.series[down] - before.series[down]; n != 3 {
		t.Errorf("%s grew by %v, not 3", down, n)
	}
	if ttl := after.series[`coredns_ballast_ttl_seconds{name="www.example.org.",zone="example.org."}`]; ttl != 60 {
		t.Errorf("ttl_seconds of www is %v, not 60", ttl)
	}
	if len(after.with("nope.")) > 0 {
		t.Errorf("A name that a client made up has series: %v", after.with("nope."))
	}
}

func TestSourcesAreMeasured(t *testing.T) {
	_, _, _, addr := measured(t)
	probed := func(source, result string) float64 {
		return scrape(t, addr).series[fmt.Sprintf(`coredns_ballast_probes_total{result=%q,source="srv _%s._tcp.example.org."}`, result, source)]
	}
	failing := func(source string) (float64, bool) {
		v, ok := scrape(t, addr).series[fmt.Sprintf(`coredns_ballast_source_failing{source="srv _%s._tcp.example.org."}`, source)]
		return v, ok
	}
	until(t, "the first probes", 5*time.Second, func() bool { return probed("half", "ok") > 0 && probed("half", "fail") > 0 })
	ok, fail := probed("half", "ok"), probed("half", "fail")
	until(t, "more probes, good and bad", 5*time.Second, func() bool { return probed("half", "ok") > ok && probed("half", "fail") > fail })
	if n := probed("dead", "ok"); n != 0 {
		t.Errorf("%v probes of a dead server are counted as ok", n)
	}
	until(t, "the dead source shows as failing", 5*time.Second, func() bool { v, ok := failing("dead"); return ok && v == 1 })
	if v, ok := failing("half"); !ok || v != 0 {
		t.Errorf("source_failing of a source with a live server is %v (%v)", v, ok)
	}
	age := `coredns_ballast_source_age_seconds{source="srv _half._tcp.example.org."}`
	if v, ok := scrape(t, addr).series[age]; !ok || v < 0 || v > 2 {
		t.Errorf("%s is %v (%v)", age, v, ok)
	}
	health := func() []float64 {
		e := scrape(t, addr)
		var values []float64
		for _, key := range e.with(`server_health{name="half.`) {
			values = append(values, e.series[key])
		}
		slices.Sort(values)
		return values
	}
	until(t, "one of half is down", 5*time.Second, func() bool { return slices.Equal(health(), []float64{0, 1}) })
}
