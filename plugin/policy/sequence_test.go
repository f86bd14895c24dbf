package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// step is a moment of a sequence, and the weight that server a has then.
type step struct {
	at     float64
	pool   string
	weight float64
}

func runSteps(t *testing.T, cfg Config, steps []step) {
	t.Helper()
	s := &sequence{cfg: cfg}
	for _, st := range steps {
		p := s.next(st.at, st.pool)
		if got := member(t, p, "a").Weight; !near(got, st.weight) {
			t.Errorf("at %vs with %q: weight %v, want %v (%q)", st.at, st.pool, got, st.weight, member(t, p, "a").Why)
		}
	}
}

func TestHeadroomOverTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"first sight takes the target at once", []step{{0, "a load=0.7; b", 0.55}}},
		{"weights glide", []step{
			{0, "a load=0.5; b", 1}, {1, "a load=0.9; b", 0.8}, {2, "a load=0.9; b", 0.6}, {2.5, "a load=0.9; b", 0.5}, {10, "a load=0.9; b", 0.1},
		}},
		{"overload: out, and back below 0.75", []step{
			{0, "a load=0.9; b", 0.1}, {0.25, "a load=0.95; b", 0.05}, {1, "a load=0.95; b", 0},
			{2, "a load=0.8; b", 0}, {3, "a load=0.76; b", 0}, {4, "a load=0.7; b", 0.2}, {6, "a load=0.7; b", 0.55},
		}},
		{"a flapping load does not move an excluded server", []step{
			{0, "a load=0.95; b", 0}, {1, "a load=0.76; b", 0}, {2, "a load=0.95; b", 0}, {3, "a load=0.80; b", 0},
		}},
		{"lost reports return to neutral", []step{
			{0, "a load=0.8; b", 0.325}, {30, "a load=0.8; b", 0.325}, {60, "a load=0.8; b", 0.6625}, {90, "a load=0.8; b", 1},
		}},
		{"an exclusion fades with its report", []step{
			{0, "a load=0.95; b", 0}, {29, "a load=0.95; b", 0}, {60, "a load=0.95; b", 0.5}, {95, "a load=0.95; b", 1},
		}},
		{"reports cease", []step{
			{0, "a load=0.8; b", 0.325}, {1, "a; b", 0.525}, {9, "a; b", 1},
		}},
		{"a return has its headroom at once, and ramps", []step{
			{0, "a load=0.1; b", 1}, {1, "a critical; b", 0}, {2, "a load=0.7; b", 0.055},
		}},
		{"when all are overloaded, the last stays", []step{
			{0, "a load=0.9; b load=0.95", 0.1}, {1, "a load=0.92; b load=0.95", 0.1 * 0.9 / 0.92}, {2, "a load=0.92; b load=0.5", 0},
		}},
		{"the clock is set back", []step{
			{0, "a load=0.5; b", 1}, {-10, "a load=0.9; b", 1}, {-9, "a load=0.9; b", 0.8},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { runSteps(t, testConfig(), c.steps) })
	}
}

func TestRampOverTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"not the very first pool", []step{{0, "a; b", 1}}},
		{"back after a blink, its boot id says it ran on", []step{
			{0, "a boot=1; b", 1}, {1, "a boot=1 critical; b", 0}, {2, "a critical; b", 0}, {3.9, "a boot=1; b", 1},
		}},
		{"a blink during a ramp goes on with it", []step{
			{0, "a boot=1 critical; b", 0}, {10, "a boot=1; b", 0.1}, {20, "a boot=1 critical; b", 0}, {22, "a boot=1; b", 0.4}, {40, "a boot=1; b", 1},
		}},
		{"set aside for a blink", []step{
			{0, "a; b", 1}, {1, "a drained; b", 0}, {3, "a; b", 1},
		}},
		{"set aside for longer", []step{
			{0, "a; b", 1}, {1, "a drained; b", 0}, {5, "a; b", 0.1},
		}},
		{"back after more than a blink", []step{
			{0, "a boot=1; b", 1}, {1, "a boot=1 critical; b", 0}, {4, "a boot=1; b", 0.1},
		}},
		{"a blink with another boot id", []step{
			{0, "a boot=1; b", 1}, {1, "a boot=1 critical; b", 0}, {2, "a boot=2; b", 0.1},
		}},
		{"a blink of one that reports no boot id", []step{
			{0, "a; b", 1}, {1, "a critical; b", 0}, {2, "a; b", 0.1},
		}},
		{"back from critical", []step{
			{0, "a critical; b", 0}, {10, "a; b", 0.1}, {13, "a; b", 0.1}, {25, "a; b", 0.5}, {40, "a; b", 1},
		}},
		{"back from a drain", []step{{0, "a drained; b", 0}, {10, "a; b", 0.1}}},
		{"back as warning", []step{{0, "a critical; b", 0}, {10, "a warning; b", 0.05}}},
		{"warning to passing is no return", []step{{0, "a warning; b", 0.5}, {1, "a; b", 1}}},
		{"unknown to passing is no return", []step{{0, "a unknown; b", 1}, {1, "a; b", 1}}},
		{"critical again in between", []step{
			{0, "a critical; b", 0}, {10, "a; b", 0.1}, {25, "a; b", 0.5}, {26, "a critical; b", 0}, {27, "a; b", 0.1}, {42, "a; b", 0.5},
		}},
		{"joins others", []step{{0, "a; b", 1}, {1, "b", -1}, {2, "a; b", 0.1}}},
		{"a whole pool returns after none was left", []step{{0, "a; b", 1}, {1, "", 1}, {2, "a; b", 1}}},
		{"restarted", []step{
			{0, "a boot=x; b", 1}, {1, "a boot=y; b", 0.1}, {16, "a boot=y; b", 0.5}, {31, "a boot=y; b", 1},
		}},
		{"a first boot id is no restart", []step{{0, "a; b", 1}, {1, "a boot=x; b", 1}, {2, "a; b", 1}, {3, "a boot=x; b", 1}}},
		{"restarted while reports were missing", []step{{0, "a boot=x; b", 1}, {1, "a; b", 1}, {2, "a boot=y; b", 0.1}}},
		{"joins while down", []step{{0, "b; a critical", 0}, {1, "a; b", 0.1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: testConfig()}
			for _, st := range c.steps {
				p := s.next(st.at, st.pool)
				if st.weight < 0 {
					continue // a is not there
				}
				if got := member(t, p, "a").Weight; !near(got, st.weight) {
					t.Errorf("at %vs with %q: weight %v, want %v", st.at, st.pool, got, st.weight)
				}
			}
		})
	}
}

func TestRampUnderAnotherConfig(t *testing.T) {
	s := &sequence{cfg: testConfig()}
	s.next(0, "a critical; b")
	s.next(1, "a; b")
	s.next(40, "a; b")
	s.cfg.Ramp = 10 * time.Minute
	if got := member(t, s.next(41, "a; b"), "a").Weight; got != 1 {
		t.Errorf("a longer ramp revived one that was over: weight %v", got)
	}
	s.cfg.Ramp = NoRamp
	s.next(42, "a critical; b")
	if got := member(t, s.next(43, "a; b"), "a").Weight; got != 1 {
		t.Errorf("weight %v with no ramp", got)
	}
}

func TestRampSaysSo(t *testing.T) {
	s := &sequence{cfg: testConfig()}
	s.next(0, "a critical; b")
	s.next(1, "a; b")
	p := s.next(13, "a; b")
	if got := strings.Join(member(t, p, "a").Why, "; "); got != "warming up: 12s of 30s" {
		t.Errorf("why %q", got)
	}
}

func TestDue(t *testing.T) {
	confirmed := func(seconds float64, err string) pool.Status {
		return pool.Status{Source: "consul web", Confirmed: at(seconds), Err: err}
	}
	for _, c := range []struct {
		name   string
		before string // the pool a second earlier
		pool   string
		status pool.Status
		want   float64 // seconds after epoch; 0 for never
	}{
		{name: "nothing in motion", pool: "a; b critical"},
		{name: "a fresh report will be stale", pool: "a load=0.3 at=-10", want: 20},
		{name: "a report is fading", pool: "a load=0.3 at=-40", want: 5},
		{name: "a report is forgotten", pool: "a load=0.3 at=-100"},
		{name: "gliding", before: "a", pool: "a load=0.9", want: 1},
		{name: "almost there", before: "a", pool: "a load=0.6", want: 0.125},
		{name: "ramping", before: "a critical", pool: "a", want: 1},
		{name: "source will be stale", pool: "a", status: confirmed(-20, ""), want: 40},
		{name: "source is stale", pool: "a", status: confirmed(-70, ""), want: 5},
		{name: "source in trouble", pool: "a", status: confirmed(-1, "connection refused"), want: 5},
		{name: "a critical server's report is of no account", pool: "a; b critical load=0.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var st *State
			if c.before != "" {
				_, st = Next(testConfig(), Input{Now: at(-1), Pool: parsePool(c.before)}, nil)
			}
			p, _ := Next(testConfig(), Input{Now: epoch, Pool: parsePool(c.pool), Status: c.status}, st)
			got := p.Due.Sub(epoch).Seconds()
			if p.Due.IsZero() {
				got = 0
			}
			if d := got - c.want; d > 1e-6 || d < -1e-6 {
				t.Errorf("due after %vs, want %vs", got, c.want)
			}
		})
	}
}

// Following Due alone must bring every motion to its end.
func TestDueComesToRest(t *testing.T) {
	s := &sequence{cfg: testConfig()}
	s.next(-1, "a load=0.1; b critical")
	p := s.next(0, "a load=0.88; b load=0.2")
	for n := 0; !p.Due.IsZero(); n++ {
		if n > 200 {
			t.Fatalf("still in motion: due %v, bounds %v", p.Due, p.Bounds)
		}
		if !p.Due.After(p.At) {
			t.Fatalf("due %v, not after %v", p.Due, p.At)
		}
		p = s.with(Input{Now: p.Due, Pool: p.Pool})
	}
	wantShares(t, p, "a 0.50, b 0.50") // both reports are forgotten, and the ramp is over
}
