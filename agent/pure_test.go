package agent

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

var limits = pace.Limits{High: 0.90, Low: 0.75}

func TestAverage(t *testing.T) {
	const tau = 16 * time.Second
	t.Run("the first value counts in full", func(t *testing.T) {
		var a Average
		if got := a.Add(0.8, 2*time.Second, tau); math.Abs(got-0.8) > 1e-12 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a constant stays", func(t *testing.T) {
		var a Average
		for range 100 {
			a.Add(0.5, 2*time.Second, tau)
		}
		if got := a.Value(); math.Abs(got-0.5) > 1e-9 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("after a time constant 1/e of the old is left", func(t *testing.T) {
		for _, step := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 16 * time.Second} {
			var a Average
			for range 1000 {
				a.Add(1, tau, tau)
			}
			for range tau / step {
				a.Add(0, step, tau)
			}
			if got := a.Value(); math.Abs(got-1/math.E) > 1e-6 {
				t.Errorf("in steps of %v: got %v, want %v", step, got, 1/math.E)
			}
		}
	})
	t.Run("without a time constant the last value counts", func(t *testing.T) {
		var a Average
		a.Add(1, time.Second, 0)
		if got := a.Add(0.25, time.Second, 0); got != 0.25 {
			t.Errorf("got %v", got)
		}
	})
}

func TestCombine(t *testing.T) {
	for _, c := range []struct {
		name string
		in   pool.Samples
		want float64
		ok   bool
	}{
		{"nothing measured", pool.Samples{}, 0, false},
		{"pressure alone tells no load", pool.Samples{PSI: new(0.9)}, 0, false},
		{"idle is a load of 0, and known", pool.Samples{CPU: new(0.0)}, 0, true},
		{"cpu", pool.Samples{CPU: new(0.6), RunQueue: new(0.8)}, 0.6, true},
		{"run queue of two per core is full", pool.Samples{CPU: new(0.6), RunQueue: new(2.0)}, 1, true},
		{"connections", pool.Samples{CPU: new(0.1), Connections: new(0.7)}, 0.7, true},
		{"the application wins, also when it is lower", pool.Samples{CPU: new(0.9), Application: new(0.2)}, 0.2, true},
		{"clamped", pool.Samples{RunQueue: new(100.0)}, pool.MaxLoad, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := Combine(c.in); got != c.want || ok != c.ok {
				t.Errorf("got %v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestSmoothing(t *testing.T) {
	t0 := time.Unix(1_800_000_000, 0)
	s := &Smoothing{TimeConstant: 16 * time.Second, MaxConnections: 200, HoldApplication: 8 * time.Second}
	value, out, ok := s.Add(t0, load.Sample{CPU: new(0.4), Connections: new(100)})
	if value != 0.5 || !ok || *out.CPU != 0.4 || *out.Connections != 0.5 || out.RunQueue != nil || out.PSI != nil {
		t.Errorf("first: %v %v %+v", value, ok, out)
	}
	s.Add(t0.Add(2*time.Second), load.Sample{Application: new(0.9)})
	for _, c := range []struct {
		after time.Duration
		want  float64
	}{
		{4 * time.Second, 0.9},  // bridged
		{10 * time.Second, 0.9}, // still
		{11 * time.Second, 0.3}, // too old: the machine's own
	} {
		value, _, _ := s.Add(t0.Add(c.after), load.Sample{CPU: new(0.0), Connections: new(60)})
		if value != c.want {
			t.Errorf("%v after: load %v, want %v", c.after, value, c.want)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		c      condition
		health pool.Health
		reason string
	}{
		{"well", condition{}, pool.Passing, "load below 90%"},
		{"overloaded", condition{overloaded: true}, pool.Warning, "overloaded"},
		{"its check fails", condition{overloaded: true, failing: "tcp: refused"}, pool.Critical, "tcp: refused"},
		{"drained", condition{drained: true, failing: "tcp: refused", overloaded: true}, pool.Drained, "drained"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, reason := judge(c.c, limits)
			if h != c.health || !strings.HasPrefix(reason, c.reason) {
				t.Errorf("got %v %q", h, reason)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	bad := errors.New("refused")
	for _, c := range []struct {
		name    string
		answers string // . good, x bad
		want    string // of the verdict after each
	}{
		{"the first answer decides", "x", "x"},
		{"one failure is none", ".x.x.", "....."},
		{"two are one", ".xx", "..x"},
		{"one success is none", "xx.x", "xxxx"},
		{"two are one again", "xx..", "xxx."},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v verdict
			var got strings.Builder
			for _, answer := range c.answers {
				var err error
				if answer == 'x' {
					err = bad
				}
				v = v.next(err)
				got.WriteByte(map[bool]byte{true: 'x', false: '.'}[v.failing() != ""])
			}
			if got.String() != c.want {
				t.Errorf("got %s, want %s", got.String(), c.want)
			}
		})
	}
}

func TestAgentCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *state
		want string
	}{
		{"before the first sample", nil, "down #no sample yet\n"},
		{"idle", &state{report: pool.Report{Health: pool.Passing}}, "up 100%\n"},
		{"a quarter", &state{report: pool.Report{Health: pool.Passing, Load: 0.25}}, "up 75%\n"},
		{"overloaded keeps a little", &state{report: pool.Report{Health: pool.Warning, Load: 3}}, "up 1%\n"},
		{"drained", &state{report: pool.Report{Health: pool.Drained, Load: 0.1}}, "up 0% #drained\n"},
		{"down", &state{report: pool.Report{Health: pool.Critical, Reason: "http:\nstatus 500"}}, "down #http: status 500\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := agentCheck(c.s); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:9155": true, "127.8.0.1:0": true, "[::1]:9155": true, "localhost:9155": true, "[::ffff:127.0.0.1]:1": true,
		":9155": false, "0.0.0.0:9155": false, "[::]:9155": false, "192.0.2.1:9155": false, "web.example.org:9155": false, "nonsense": false,
	} {
		if got := loopback(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		break_ func(*Config)
		err    string
	}{
		{"no sampler", func(c *Config) { c.Sampler = nil }, "no sampler"},
		{"no service", func(c *Config) { c.Service.Name = "" }, "no service"},
		{"ttl", func(c *Config) { c.Service.TTL = time.Millisecond }, "ttl 1ms"},
		{"deregister-after", func(c *Config) { c.Service.DeregisterAfter = time.Second }, "minute"},
		{"limits the wrong way round", func(c *Config) { c.Limits = pace.Limits{High: 0.7, Low: 0.8} }, "alarm 0.7/0.8"},
		{"leave", func(c *Config) { c.Leave = "angrily" }, `leave "angrily"`},
		{"connections", func(c *Config) { c.MaxConnections = -1 }, "max-connections"},
		{"interval", func(c *Config) { c.Interval = -1 }, "interval"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(&recorder{}, steady(0.1))
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			c.break_(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want one with %q", err, c.err)
			}
		})
	}
}
