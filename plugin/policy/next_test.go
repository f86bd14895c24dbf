package policy

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestWhoIsIn(t *testing.T) {
	for _, c := range []struct {
		name, pool, shares string
		mode               Mode
		config             func(*Config)
	}{
		{name: "by capacity", pool: "a cap=3; b cap=1", shares: "a 0.75, b 0.25"},
		{name: "not checked yet counts as alive", pool: "a unknown; b", shares: "a 0.50, b 0.50"},
		{name: "warning halves", pool: "a warning; b", shares: "a 0.33, b 0.67"},
		{name: "critical is out", pool: "a critical; b", shares: "b 1.00"},
		{name: "drained is out", pool: "a drained; b", shares: "b 1.00"},
		{name: "capacity 0 takes nothing", pool: "a cap=0; b", shares: "b 1.00"},
		{name: "all capacities 0 are equal", pool: "a cap=0; b cap=0", shares: "a 0.50, b 0.50"},
		{name: "load lightens", pool: "a load=0.7; b load=0.2", shares: "a 0.35, b 0.65"},
		{name: "overloaded is out", pool: "a load=0.93; b", shares: "b 1.00"},
		{name: "all overloaded: exclusion ignored, loads still count", pool: "a load=0.95; b load=1.9", shares: "a 0.67, b 0.33"},
		{name: "overloaded and down: exclusion ignored", pool: "a load=0.95; b critical", shares: "a 1.00"},
		{name: "overloaded and capacity 0: exclusion ignored", pool: "a load=0.95; b cap=0", shares: "a 1.00"},
		{name: "an old report says nothing", pool: "a load=0.99 at=-90; b", shares: "a 0.50, b 0.50"},
		{name: "a report of 60 s says half", pool: "a load=0.9 at=-60; b", shares: "a 0.35, b 0.65"},
		{name: "unsorted pools are put in order", pool: "b cap=3; a", shares: "a 0.25, b 0.75"},

		{name: "best tier answers", pool: "a tier=10; b tier=20", shares: "a 1.00"},
		{name: "next tier when the best is down", pool: "a tier=10 critical; b tier=20", shares: "b 1.00"},
		{name: "next tier when the best is overloaded", pool: "a tier=10 load=0.95; b tier=20", shares: "b 1.00"},
		{name: "next tier when the best is drained", pool: "a tier=10 drained; b tier=20", shares: "b 1.00"},
		{name: "next tier when the live one of the best takes nothing", pool: "a tier=10 cap=0; b tier=10 critical; c tier=20", shares: "c 1.00"},

		{name: "quorum met", pool: "a; b critical", shares: "a 1.00",
			config: func(c *Config) { c.UpThresh = 0.5 }},
		{name: "quorum missed: all are served by capacity", pool: "a cap=2; b critical; c critical", shares: "a 0.50, b 0.25, c 0.25",
			mode: Quorum, config: func(c *Config) { c.UpThresh = 0.6 }},
		{name: "quorum missed, next tier meets it", pool: "a tier=10; b tier=10 critical; c tier=20", shares: "c 1.00",
			config: func(c *Config) { c.UpThresh = 0.6 }},
		{name: "quorum missed everywhere: lowest tier with a live one", pool: "a tier=5 critical; b tier=10; c tier=10 critical; d tier=20; e tier=20 critical",
			shares: "b 0.50, c 0.50", mode: Quorum, config: func(c *Config) { c.UpThresh = 0.6 }},
		{name: "drained counts for no quorum", pool: "a; b drained; c drained", shares: "a 1.00",
			config: func(c *Config) { c.UpThresh = 0.6 }},
		{name: "quorum does not serve the drained", pool: "a; b critical; c drained", shares: "a 0.50, b 0.50",
			mode: Quorum, config: func(c *Config) { c.UpThresh = 0.6 }},
		{name: "overload does not miss a quorum", pool: "a load=0.95; b; c critical", shares: "b 1.00",
			config: func(c *Config) { c.UpThresh = 0.6 }},

		{name: "all down: all are served", pool: "a cap=3 critical; b critical", shares: "a 0.75, b 0.25", mode: AllDown},
		{name: "all down: every tier", pool: "a tier=1 critical; b tier=2 critical", shares: "a 0.50, b 0.50", mode: AllDown},
		{name: "all down: not the drained", pool: "a critical; b drained", shares: "a 1.00", mode: AllDown},
		{name: "nobody but the drained", pool: "a drained; b drained cap=3", shares: "a 0.25, b 0.75", mode: AllDown},
		{name: "all down without capacity", pool: "a critical cap=0; b critical cap=0", shares: "a 0.50, b 0.50", mode: AllDown},
		{name: "last known without a past: all", pool: "a critical; b critical", shares: "a 0.50, b 0.50", mode: AllDown,
			config: func(c *Config) { c.Empty = EmptyLast }},
		{name: "fallback", pool: "a critical", mode: Fallback, config: func(c *Config) { c.Empty = EmptyFallback }},
		{name: "none", pool: "a critical", mode: Nobody, config: func(c *Config) { c.Empty = EmptyNone }},
		{name: "empty from the start", pool: "", mode: Nobody},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig()
			if c.config != nil {
				c.config(&cfg)
			}
			p := planOf(cfg, c.pool)
			wantShares(t, p, c.shares)
			if p.Mode != c.mode {
				t.Errorf("mode %v, want %v", p.Mode, c.mode)
			}
			if p.Reason == "" {
				t.Error("no reason for the mode")
			}
			if c.mode != Live && p.TTL != cfg.MinTTL {
				t.Errorf("TTL %v in mode %v, want %v", p.TTL, p.Mode, cfg.MinTTL)
			}
		})
	}
}

func TestNoPoolYet(t *testing.T) {
	p, st := Next(testConfig(), Input{Now: epoch}, nil)
	if p.Mode != Waiting || len(p.Members) != 0 || p.TTL != 30*time.Second || !p.Due.IsZero() || st == nil {
		t.Errorf("got %+v", p)
	}
	// What was known from before a reload is not lost by waiting.
	s := &sequence{cfg: testConfig()}
	s.next(0, "a")
	s.with(Input{Now: at(1)})
	wantShares(t, s.next(2, ""), "a 1.00")
}

func TestEmptyPoolServesTheLastServers(t *testing.T) {
	s := &sequence{cfg: testConfig()}
	s.next(0, "a cap=3; b")
	for _, second := range []float64{1, 2} {
		p := s.next(second, "")
		wantShares(t, p, "a 0.75, b 0.25")
		if p.Mode != AllDown || !strings.Contains(member(t, p, "a").Why[0], "no longer in the pool") {
			t.Errorf("mode %v, why %q", p.Mode, member(t, p, "a").Why)
		}
		if len(p.Pool.Servers) != 0 {
			t.Error("Plan.Pool is not the pool that was judged")
		}
	}
}

func TestLastKnown(t *testing.T) {
	s := &sequence{cfg: testConfig()}
	s.cfg.Empty = EmptyLast
	s.next(0, "a; b; c critical")
	p := s.next(1, "a critical; b critical; c critical")
	wantShares(t, p, "a 0.50, b 0.50")
	if p.Mode != LastKnown || !strings.Contains(strings.Join(member(t, p, "c").Why, "; "), "was not live last") {
		t.Errorf("mode %v, why %q", p.Mode, member(t, p, "c").Why)
	}
	wantShares(t, s.next(2, "a critical; b critical; c critical"), "a 0.50, b 0.50")
	wantShares(t, s.next(3, "a drained; b critical; c critical"), "b 1.00")
	wantShares(t, s.next(4, ""), "b 1.00")
	if p := s.next(5, "d critical"); p.Mode != AllDown {
		t.Errorf("mode %v when none of those that were live last is left", p.Mode)
	}
}

func TestOverrides(t *testing.T) {
	in := func(now time.Time, o Override) Input {
		return Input{Now: now, Pool: parsePool("a; b"), Overrides: map[string]Override{"a": o}}
	}
	t.Run("drain until", func(t *testing.T) {
		s := &sequence{cfg: testConfig()}
		s.cfg.Ramp = NoRamp
		o := Override{Drain: true, Until: at(40), By: "kernel update"}
		p := s.with(in(epoch, o))
		wantShares(t, p, "b 1.00")
		if want := "drained by operator: kernel update, until 2026-01-02T03:04:45Z"; member(t, p, "a").Why[0] != want {
			t.Errorf("why %q, want %q", member(t, p, "a").Why, want)
		}
		if !p.Due.Equal(at(40)) || p.TTL != 40*time.Second || p.Bounds[0].Name != "override" {
			t.Errorf("due %v, TTL %v, bounds %v", p.Due, p.TTL, p.Bounds)
		}
		wantShares(t, s.with(in(at(40), o)), "a 0.50, b 0.50")
	})
	t.Run("an end of drain is a return", func(t *testing.T) {
		s := &sequence{cfg: testConfig()}
		s.with(in(epoch, Override{Drain: true}))
		wantShares(t, s.next(1, "a; b"), "a 0.09, b 0.91")
	})
	t.Run("factor", func(t *testing.T) {
		s := &sequence{cfg: testConfig()}
		p := s.with(in(epoch, Override{Factor: 3, By: "anna"}))
		wantShares(t, p, "a 0.75, b 0.25")
		if got := member(t, p, "a").Why[0]; got != "weight x3.00 by operator: anna" {
			t.Errorf("why %q", got)
		}
	})
	t.Run("factor 0 counts as set aside", func(t *testing.T) {
		s := &sequence{cfg: testConfig()}
		i := in(epoch, Override{})
		i.Pool = parsePool("a; b critical")
		p := s.with(i)
		wantShares(t, p, "b 1.00")
		if p.Mode != AllDown {
			t.Errorf("mode %v", p.Mode)
		}
	})
}

func TestWhy(t *testing.T) {
	for _, c := range []struct{ name, pool, want string }{
		{"overloaded", "a load=0.93; b", "load 0.93 is above 0.90"},
		{"all overloaded", "a load=0.93", "load 0.93 is above 0.90, but so are all others: headroom 0.10"},
		{"loaded", "a load=0.7; b", "load 0.70 leaves headroom 0.55"},
		{"critical", "a critical since=-8 reason=tcp:refused; b", "critical for 8s: tcp:refused"},
		{"warning", "a warning since=-90; b", "warning for 1m30s, keeps 0.50 of its capacity"},
		{"drained", "a drained reason=maintenance; b", "drained: maintenance"},
		{"capacity 0", "a cap=0; b", "capacity 0"},
		{"capacity 0 of all", "a cap=0", "capacity 0 as all of tier 0: counts as 1"},
		{"waits", "a tier=20; b tier=10", "tier 20 waits: tier 10 answers"},
		{"stale", "a load=0.6 at=-60", "load 0.60 leaves headroom 0.89; load report is 1m0s old: 50% of it forgotten"},
		{"forgotten", "a load=0.6 at=-100", "load report is 1m40s old: not counted"},
		{"all down", "a critical", "critical; served all the same: nobody is live"},
		{"nothing to say", "a load=0.3; b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planOf(testConfig(), c.pool)
			if got := strings.Join(member(t, p, "a").Why, "; "); got != c.want {
				t.Errorf("why %q, want %q", got, c.want)
			}
		})
	}
}

func TestNextIsPure(t *testing.T) {
	in := Input{Now: at(5), Pool: parsePool("a load=0.8; b; c critical"), Seed: 7}
	_, prev := Next(testConfig(), Input{Now: epoch, Pool: parsePool("a load=0.1; b critical; c")}, nil)
	p1, s1 := Next(testConfig(), in, prev)
	p2, s2 := Next(testConfig(), in, prev)
	if !reflect.DeepEqual(p1, p2) || !reflect.DeepEqual(s1, s2) {
		t.Error("two runs on the same arguments differ")
	}
}

func TestHarmlessNumbers(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e-320, 1e308} {
		in := Input{Now: epoch, Pool: parsePool("a; b"), Overrides: map[string]Override{"b": {Factor: v}}}
		s := &in.Pool.Servers[0]
		s.Capacity, s.WarningFactor, s.Health = v, v, pool.Warning
		s.Load = pool.Load{Value: v, At: epoch}
		p, _ := Next(Config{UpThresh: v}, in, nil)
		checkPlan(t, p)
	}
}
