package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/pool"
)

func testAgent(t *testing.T, change func(*Config)) *agent {
	t.Helper()
	cfg := testConfig(&recorder{}, steady(0.42))
	if change != nil {
		change(&cfg)
	}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	return &agent{cfg: cfg, metrics: newMetrics(cfg), changed: make(chan struct{}, 1)}
}

func get(h http.Handler, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestReport(t *testing.T) {
	a := testAgent(t, nil)
	if w := get(a.handler(), "/v1/report", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first sample: %d", w.Code)
	}
	for _, c := range []struct {
		health pool.Health
		code   int
	}{{pool.Passing, 200}, {pool.Warning, 200}, {pool.Critical, 503}, {pool.Drained, 503}} {
		want := pool.Report{Load: 0.42, Connections: 7, Boot: "b00", Seq: 3, Health: c.health, Reason: "why", Samples: pool.Samples{CPU: new(0.3)}}
		a.now.Store(&state{report: want})
		w := get(a.handler(), "/v1/report", "")
		if w.Code != c.code {
			t.Errorf("%v: status %d, want %d", c.health, w.Code, c.code)
		}
		got, err := pool.ParseReport(w.Body.Bytes())
		if err != nil || got.Load != want.Load || got.Health != c.health || got.Seq != 3 || *got.Samples.CPU != 0.3 {
			t.Errorf("%v: report %+v, %v", c.health, got, err)
		}
		if v, err := pool.ParseLoadHeader(w.Header().Get(pool.LoadHeader)); err != nil || v != 0.42 {
			t.Errorf("header %q: %v, %v", w.Header().Get(pool.LoadHeader), v, err)
		}
	}
}

func TestToken(t *testing.T) {
	a := testAgent(t, func(c *Config) { c.Token = "s3cret" })
	a.advance(pool.Report{}, true)
	for _, c := range []struct {
		path, authorization string
		code                int
	}{
		{"/v1/report", "", 401},
		{"/v1/report", "Bearer wrong", 401},
		{"/v1/report", "Basic s3cret", 401},
		{"/v1/report", "s3cret", 401},
		{"/v1/report", "Bearer s3cret", 200},
		{"/v1/report", "bearer s3cret", 200},
		{"/metrics", "", 401},
		{"/metrics", "Bearer s3cret", 200},
		{"/healthz", "", 200},
	} {
		if w := get(a.handler(), c.path, c.authorization); w.Code != c.code {
			t.Errorf("%s with %q: %d, want %d", c.path, c.authorization, w.Code, c.code)
		}
	}
}

func TestMetrics(t *testing.T) {
	a := testAgent(t, nil)
	a.advance(pool.Report{Load: 0.95, Connections: 7, Samples: pool.Samples{CPU: new(0.5)}}, true)
	a.metrics.sampled(load.Troubles{load.SignalPSI: context.Canceled})
	a.metrics.called("beat", nil)
	a.metrics.contact(true)
	families, err := a.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("promlint: %s: %s", p.Metric, p.Text)
		}
	}
	body := get(a.handler(), "/metrics", "").Body.String()
	for _, line := range []string{
		`ballast_agent_load_ratio 0.95`,
		`ballast_agent_overloaded 1`,
		`ballast_agent_connections 7`,
		`ballast_agent_signal_ratio{signal="cpu"} 0.5`,
		`ballast_agent_health{health="warning"} 1`,
		`ballast_agent_health{health="passing"} 0`,
		`ballast_agent_samples_total 1`,
		`ballast_agent_sample_errors_total{signal="psi"} 1`,
		`ballast_agent_sample_errors_total{signal="cpu"} 0`,
		`ballast_agent_consul_requests_total{call="beat",result="ok"} 1`,
		`ballast_agent_consul_up 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(body, `signal_ratio{signal="application"`) {
		t.Error("an absent measurement is shown as a number")
	}
	a.advance(pool.Report{Load: 0.5}, true)
	if body := get(a.handler(), "/metrics", "").Body.String(); strings.Contains(body, "signal_ratio{") {
		t.Error("a measurement that went away still shows")
	}
}

func TestListenRule(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Config)
		refused bool
	}{
		{"loopback", func(c *Config) { c.Listen = "127.0.0.1:0" }, false},
		{"everywhere", func(c *Config) { c.Listen = ":0" }, true},
		{"everywhere with a token", func(c *Config) { c.Listen, c.Token = ":0", "s" }, false},
		{"everywhere, insecure by choice", func(c *Config) { c.Listen, c.Insecure = ":0", true }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(&recorder{}, steady(0.1))
			c.change(&cfg)
			if err := cfg.Validate(); (err != nil) != c.refused {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("a taken port ends Run, and frees the other", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		cfg := testConfig(&recorder{}, steady(0.1))
		cfg.Listen, cfg.HAProxyListen = "127.0.0.1:0", taken.Addr().String()
		if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("error %v", err)
		}
	})
}

// freeAddr is an address where nobody listens.
func freeAddr(t *testing.T) string {
	return fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
}

// TestListeners runs the agent with real listeners: they answer, and while the
// agent leaves they say that it is leaving.
func TestListeners(t *testing.T) {
	cfg := testConfig(nil, steady(0.25))
	cfg.Registry = nil
	cfg.Interval, cfg.Drain = 10*time.Millisecond, 500*time.Millisecond
	cfg.Listen, cfg.HAProxyListen = freeAddr(t), freeAddr(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg) }()
	defer func() { cancel(); <-done }()

	report := func() (pool.Report, int) {
		c := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := c.Get("http://" + cfg.Listen + "/v1/report")
		if err != nil {
			return pool.Report{}, 0
		}
		defer resp.Body.Close()
		var r pool.Report
		if json.NewDecoder(resp.Body).Decode(&r) != nil {
			return pool.Report{}, 0
		}
		return r, resp.StatusCode
	}
	haproxy := func() string {
		conn, err := net.DialTimeout("tcp", cfg.HAProxyListen, time.Second)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		line, _ := io.ReadAll(conn)
		return string(line)
	}
	eventually(t, "the report answers", func() bool { r, code := report(); return code == 200 && r.Load == 0.25 })
	eventually(t, "HAProxy is told the headroom", func() bool { return haproxy() == "up 75%\n" })
	cancel()
	eventually(t, "the report says critical", func() bool {
		r, code := report()
		return code == 503 && r.Health == pool.Critical && r.Reason == stopping
	})
	if got := haproxy(); got != "down #"+stopping+"\n" {
		t.Errorf("HAProxy is told %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	done <- nil
}

// eventually polls until ok, for at most five seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5s: %s", what)
		}
	}
}
