package metrics

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/control"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func example() control.DirectorStatus {
	load := 0.42
	return control.DirectorStatus{
		Version: "v1.2.3", ConfigLoaded: noon,
		Interfaces: []control.InterfaceStatus{{Name: "d0", Attached: true}, {Name: "br0", Attached: true}},
		Table:      control.TableStatus{Connections: 1234, Capacity: 262144, HalfOpen: 12, Displaced: 3, Expired: 4321},
		Sources:    []control.SourceStatus{{Source: "consul web", Age: control.Seconds(1500 * time.Millisecond), Servers: 2, Confirmed: noon}, {Source: "consul api", Err: "refused"}},
		Drains:     []control.DrainOrder{{Server: "web-2"}},
		Reasons:    map[string]uint64{"pass-other": 99},
		VIPs: []control.VIPStatus{{
			Name: "web", Quorum: control.QuorumStatus{Needed: 1, Alive: 2, Met: true},
			Totals:  control.Volume{Conns: 100, InPackets: 1000, OutPackets: 2000, InBytes: 10000, OutBytes: 20000},
			Reasons: map[string]uint64{"forward-in": 1000, "retry-silent": 4},
			Servers: []control.RealStatus{
				{ID: "web-1", State: control.RealUp, Weight: 0.5, Capacity: 2, Ramp: 0.25, Load: &load, Active: 7, Inactive: 5,
					Totals: control.Volume{Conns: 60, InPackets: 600, OutPackets: 1200, InBytes: 6000, OutBytes: 12000},
					SYNs:   65, SYNACKs: 60, Misses: 4, Resets: 1, Unreachable: 2},
				{ID: "web-2", Address: netip.MustParseAddrPort("10.0.0.12:80"), State: control.RealDraining, Ramp: 1},
			},
		}},
	}
}

func get(t *testing.T, s control.DirectorStatus, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(func() control.DirectorStatus { return s }).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// ours are the lines of our own metrics, without comments, sorted.
func ours(t *testing.T, s control.DirectorStatus) []string {
	t.Helper()
	code, body := get(t, s, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, body)
	}
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, namespace) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(lines)
	return lines
}

// The whole output, so that no metric changes or goes by accident: others'
// dashboards and alerts use them.
func TestMetrics(t *testing.T) {
	const file = "testdata/metrics.golden"
	got := strings.Join(ours(t, example()), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant (%s):\n%s", got, file, want)
	}
}

func TestLint(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(example))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
	names := map[string]bool{}
	for _, f := range families {
		// In OpenMetrics a counter's family is called without _total.
		name := strings.TrimSuffix(f.GetName(), "_total")
		if names[name] {
			t.Errorf("%s is a counter and something else", name)
		}
		names[name] = true
	}
}

func TestStates(t *testing.T) {
	for _, state := range control.RealStates() {
		s := example()
		s.VIPs[0].Servers[0].State = state
		for _, other := range control.RealStates() {
			want := fmt.Sprintf(`ballast_director_server_state{server="web-1",state=%q,vip="web"} %v`, other, number(other == state))
			if !slices.Contains(ours(t, s), want) {
				t.Errorf("in state %s: no %s", state, want)
			}
		}
	}
}

func TestTrouble(t *testing.T) {
	s := example()
	s.ConfigError, s.Interfaces[1].Attached = "director.hcl:3: no", false
	v := &s.VIPs[0]
	v.Quorum, v.Fallback, v.Error = control.QuorumStatus{Needed: 3, Alive: 1}, true, "address in use"
	lines := ours(t, s)
	for _, want := range []string{
		`ballast_director_config_reload_failed 1`,
		`ballast_director_interface_attached{interface="br0"} 0`,
		`ballast_director_source_failed{source="consul api"} 1`,
		`ballast_director_vip_quorum_met{vip="web"} 0`,
		`ballast_director_vip_fallback{vip="web"} 1`,
		`ballast_director_vip_failed{vip="web"} 1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Names come from outside. Whatever they are, there is an answer.
func TestOddNames(t *testing.T) {
	s := example()
	web := &s.VIPs[0]
	web.Servers = append(web.Servers, web.Servers[0])
	web.Servers[1].ID = "web\xff\"\n"
	s.VIPs = append(s.VIPs, s.VIPs[0], control.VIPStatus{})
	s.Sources = append(s.Sources, s.Sources...)
	s.Interfaces = append(s.Interfaces, s.Interfaces[0])
	lines := ours(t, s)
	if compact := slices.Compact(slices.Clone(lines)); len(compact) != len(lines) {
		t.Error("a series is there twice")
	}
	if want := `ballast_director_server_capacity{server="web�\"\n",vip="web"} 0`; !slices.Contains(lines, want) {
		t.Errorf("no %s", want)
	}
	if len(ours(t, control.DirectorStatus{})) == 0 {
		t.Error("nothing to say of an empty director")
	}
}

// The number of series depends on what is configured, not on how much goes on.
func TestNoClientsInLabels(t *testing.T) {
	label := regexp.MustCompile(`[{,]([a-z_]+)="`)
	allowed := []string{"vip", "server", "reason", "state", "kind", "direction", "interface", "source", "version"}
	for _, line := range ours(t, example()) {
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(allowed, m[1]) {
				t.Errorf("label %s in %s", m[1], line)
			}
		}
	}
}

func TestHealthz(t *testing.T) {
	away := example()
	away.Interfaces[1].Attached = false
	failed := example()
	failed.ConfigError = "director.hcl:3: no"
	for _, tc := range []struct {
		name string
		s    control.DirectorStatus
		code int
		want string
	}{
		{"all is well", example(), 200, "ok"},
		{"starting", control.DirectorStatus{}, 503, "no configuration"},
		{"an interface is away", away, 503, "not attached at br0"},
		{"a reload failed, the last good configuration serves", failed, 200, "ok"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code, body := get(t, tc.s, "/healthz"); code != tc.code || !strings.Contains(body, tc.want) {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	if code, _ := get(t, example(), "/"); code != 404 {
		t.Errorf("/ is answered with %d", code)
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, example) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || !strings.Contains(string(body), `ballast_director_build_info{version="v1.2.3"} 1`) {
		t.Errorf("%v, %s", err, body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := Serve(t.Context(), l, example); err == nil {
		t.Error("no error of a listener that is closed")
	}
}
