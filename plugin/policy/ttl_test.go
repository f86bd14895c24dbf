package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestTTL(t *testing.T) {
	for _, c := range []struct {
		name   string
		before string // the pool five seconds earlier
		pool   string
		status pool.Status
		want   float64 // seconds, of 30 to 300
		first  string  // name of the shortest bound
		server string
	}{
		{name: "nothing in sight", pool: "a; b", want: 300, first: "record ttl"},
		{name: "a flip to come", pool: "a flip=120; b flip=60.9", want: 60, first: "flip", server: "b"},
		{name: "a flip that nothing points to", pool: "a steady=60; b", want: 300, first: "record ttl"},
		{name: "a flip of one that is down", pool: "a; b critical flip=60", want: 60, first: "flip", server: "b"},
		{name: "a flip sooner than min-ttl", pool: "a flip=6", want: 30, first: "flip", server: "a"},
		{name: "a flip later than ttl", pool: "a flip=900", want: 300, first: "record ttl"},
		{name: "a flip in a tier that waits", pool: "a tier=1; b tier=2 flip=60", want: 300, first: "record ttl"},
		{name: "a flip in a better tier", pool: "a tier=1 critical flip=60; b tier=2", want: 60, first: "flip", server: "a"},
		{name: "a flip of one that was drained", pool: "a; b drained flip=60", want: 300, first: "record ttl"},
		{name: "a flip of one that takes nothing", pool: "a; b cap=0 flip=60", want: 300, first: "record ttl"},
		{name: "loaded, not near", pool: "a load=0.79; b", want: 300, first: "record ttl"},
		{name: "half-way near the threshold", pool: "a load=0.85; b", want: 165, first: "near threshold", server: "a"},
		{name: "at the threshold", pool: "a load=0.9; b", want: 30, first: "near threshold", server: "a"},
		{name: "overloaded", pool: "a load=0.95; b", want: 30, first: "overloaded", server: "a"},
		{name: "overloaded in a tier that waits", pool: "a; b tier=9 load=0.95", want: 300, first: "record ttl"},
		{name: "a whole tier overloaded", pool: "a load=0.95; b tier=9", want: 30, first: "overloaded", server: "a"},
		{name: "about to come back", before: "a load=0.95; b", pool: "a load=0.8; b", want: 30, first: "overloaded", server: "a"},
		{name: "warning", pool: "a warning; b", want: 30, first: "warning", server: "a"},
		{name: "ramping", before: "a critical; b", pool: "a; b", want: 30, first: "ramping", server: "a"},
		{name: "gliding", before: "a load=0.95; b", pool: "a load=0.4; b", want: 300, first: "record ttl"},
		{name: "source stale", pool: "a", status: pool.Status{Confirmed: at(-61)}, want: 30, first: "stale"},
		{name: "source silent for a while", pool: "a", status: pool.Status{Confirmed: at(-59)}, want: 300, first: "record ttl"},
		{name: "source in trouble", pool: "a", status: pool.Status{Confirmed: epoch, Err: "refused"}, want: 30, first: "stale"},
		{name: "a report fades", pool: "a load=0.2 at=-60; b", want: 232, first: "stale load", server: "a"},
		{name: "a report forgotten", pool: "a load=0.2 at=-999; b", want: 165, first: "stale load", server: "a"},
		{name: "all down", pool: "a critical", want: 30, first: "all-down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: testConfig()}
			if c.before != "" {
				s.next(-5, c.before)
			}
			p := s.with(Input{Now: epoch, Pool: parsePool(c.pool), Status: c.status})
			if p.TTL != time.Duration(c.want)*time.Second {
				t.Errorf("TTL %v, want %vs (bounds %v)", p.TTL, c.want, p.Bounds)
			}
			if b := p.Bounds[0]; b.Name != c.first || b.Server != c.server || b.Why == "" {
				t.Errorf("first bound %+v, want %s of %q", b, c.first, c.server)
			}
			checkBounds(t, p)
		})
	}
}

func checkBounds(t *testing.T, p *Plan) {
	t.Helper()
	if !slices.IsSortedFunc(p.Bounds, func(a, b Bound) int { return int(a.TTL - b.TTL) }) {
		t.Errorf("bounds are not sorted: %v", p.Bounds)
	}
	clipped := slices.ContainsFunc(p.Bounds, func(b Bound) bool { return b.Name == "min-ttl" && b.TTL == p.TTL })
	if p.Bounds[0].TTL < p.Config.MinTTL && !clipped {
		t.Errorf("no bound explains the clipping: %v", p.Bounds)
	}
	if p.TTL%time.Second != 0 || p.TTL < time.Second || p.TTL < p.Config.MinTTL || p.TTL > p.Config.TTL {
		t.Errorf("TTL %v is not in whole seconds of %v to %v", p.TTL, p.Config.MinTTL, p.Config.TTL)
	}
}

func TestTTLWhileGliding(t *testing.T) {
	s := &sequence{cfg: testConfig()}
	s.next(-1, "a load=0.1; b")
	p := s.next(0, "a load=0.8; b") // from 1, aiming at 0.325, now 0.8
	want := s.cfg.lowered(1 - 0.475).Truncate(time.Second)
	if p.TTL != want || p.Bounds[0].Name != "gliding" {
		t.Errorf("TTL %v, want %v (bounds %v)", p.TTL, want, p.Bounds)
	}
}

func TestTTLIsNeverZero(t *testing.T) {
	for _, cfg := range []Config{{}, {TTL: -time.Hour, MinTTL: -1}, {TTL: time.Millisecond}, {TTL: 1 << 62, MinTTL: 1 << 62}, {TTL: time.Minute, MinTTL: time.Hour}, {TTL: 10 * time.Second, MinTTL: 1500 * time.Millisecond}} {
		p, _ := Next(cfg, Input{Now: epoch, Pool: parsePool("a flip=0.001")}, nil)
		checkBounds(t, p)
	}
}
