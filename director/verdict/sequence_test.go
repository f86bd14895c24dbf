package verdict

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestSlowStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		config []func(*Config)
		steps  []step
	}{
		{"not in the first pool", nil, []step{{0, "a; b", "up 256"}}},
		{"back from being down", nil, []step{
			{0, "a; b", "up 256"}, {10, "a critical; b", "down"}, {20, "a; b", "up 26"}, {35, "a; b", "up 141"}, {49, "a; b", "up 248"}, {50, "a; b", "up 256"},
		}},
		{"after a blink its boot id says it ran on", nil, []step{
			{0, "a boot=1; b", "up 256"}, {1, "a boot=1 critical; b", "down"}, {3.9, "a boot=1; b", "up 256"},
		}},
		{"after a blink of 3 s", nil, []step{
			{0, "a boot=1; b", "up 256"}, {1, "a boot=1 critical; b", "down"}, {4, "a boot=1; b", "up 26"},
		}},
		{"after a blink with another boot id", nil, []step{
			{0, "a boot=1; b", "up 256"}, {1, "a boot=1 critical; b", "down"}, {2, "a boot=2; b", "up 26"},
		}},
		{"after a blink without boot id", nil, []step{
			{0, "a; b", "up 256"}, {1, "a critical; b", "down"}, {2, "a; b", "up 26"},
		}},
		{"a blink in a ramp goes on with it", nil, []step{
			{0, "b", ""}, {10, "a boot=1; b", "up 26"}, {20, "a boot=1 critical; b", "down"}, {22, "a boot=1; b", "up 118"}, {40, "a boot=1; b", "up 256"},
		}},
		{"restarted without being missed", nil, []step{
			{0, "a boot=1; b", "up 256"}, {1, "a; b", "up 256"}, {2, "a boot=2; b", "up 26"}, {32, "a boot=2; b", "up 256"},
		}},
		{"a first boot id is none of a restart", nil, []step{{0, "a; b", "up 256"}, {1, "a boot=1; b", "up 256"}}},
		{"joins others", nil, []step{{0, "b", ""}, {5, "a; b", "up 26"}}},
		{"joins an empty pool", nil, []step{{0, "z fallback", ""}, {5, "a; z fallback", "up 256"}}},
		{"drained by mistake", nil, []step{{0, "a; b", "up 256"}, {1, "a drain; b", "draining"}, {2, "a; b", "up 256"}}},
		{"undrained", nil, []step{{0, "a; b", "up 256"}, {1, "a drain; b", "draining"}, {60, "a; b", "up 26"}}},
		{"set to 0 and back", nil, []step{{0, "a; b", "up 256"}, {1, "a x=0; b", "up 0"}, {60, "a; b", "up 26"}}},
		{"returns to the pool", nil, []step{{0, "a; b", "up 256"}, {1, "b; a", "up 256"}, {2, "b", "removed"}, {60, "a; b", "up 26"}}},
		{"rr ramps too", []func(*Config){rr}, []step{{0, "a; b", "up 256"}, {1, "a critical; b", "down"}, {10, "a; b", "up 26"}}},
		{"warning and ramp multiply", nil, []step{{0, "a critical; b", "down"}, {10, "a warning; b", "up 3"}}},
		{"switched off", []func(*Config){noRamp}, []step{{0, "a critical; b", "down"}, {10, "a; b", "up 256"}}},
		{"none in a panic, nor for the first to recover", nil, []step{
			{0, "a; b", "up 256"}, {10, "a critical; b", "down"}, {20, "a critical; b critical", "up 256"}, {30, "a; b critical", "up 256"},
		}},
		{"the second to recover ramps", nil, []step{
			{0, "a critical; b critical", "up 256"}, {10, "a critical; b", "down"}, {20, "a; b", "up 26"},
		}},
		{"a standby takes over whole", nil, []step{
			{0, "a tier=2; b tier=1", "standby"}, {10, "a tier=2; b tier=1 critical", "up 256"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: with(c.config...)}
			for _, st := range c.steps {
				v := s.next(st.at, st.text)
				if st.want == "" {
					continue
				}
				a := server(t, v, "a")
				if got := strings.TrimPrefix(spellOne(a), "a "); got != st.want {
					t.Errorf("at %vs with %q: %s, want %s (%q)", st.at, st.text, got, st.want, a.Reason)
				}
			}
		})
	}
}

func TestLoadOverTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"weights glide", []step{
			{0, "a load=0.5; b", "up 256"}, {1, "a load=0.9; b", "up 205"}, {2, "a load=0.9; b", "up 154"}, {10, "a load=0.9; b", "up 26"},
		}},
		{"out above 0.90, back below 0.75", []step{
			{0, "a load=0.9; b", "up 26"}, {0.25, "a load=0.95; b", "up 13"}, {1, "a load=0.95; b", "up 0"},
			{2, "a load=0.8; b", "up 0"}, {3, "a load=0.75; b", "up 0"}, {4, "a load=0.7; b", "up 51"}, {9, "a load=0.7; b", "up 141"},
		}},
		{"one that is back has its floor at once", []step{
			{0, "a load=0.95; b", "up 0"}, {0, "a load=0.7; b load=0.95", "up 26"},
		}},
		{"an exclusion fades with its report", []step{
			{0, "a load=0.95; b", "up 0"}, {29, "a load=0.95; b", "up 0"}, {60, "a load=0.95; b", "up 128"}, {95, "a load=0.95; b", "up 256"},
		}},
		{"when all are overloaded the last stays", []step{
			{0, "a load=0.9; b load=0.95", "up 26"}, {1, "a load=0.92; b load=0.95", "up 25"}, {2, "a load=0.92; b load=0.5", "up 0"},
		}},
		{"the others are ejected: overload is ignored", []step{
			{0, "a load=0.95; b", "up 0"}, {1, "a load=0.95; b streak=5", "up 24"},
		}},
		{"a return has its headroom at once, and ramps", []step{
			{0, "a load=0.1; b", "up 256"}, {1, "a critical; b", "down"}, {5, "a load=0.7; b", "up 14"},
		}},
		{"the clock is set back", []step{
			{0, "a load=0.5; b", "up 256"}, {-10, "a load=0.9; b", "up 256"}, {-9, "a load=0.9; b", "up 205"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { run(t, with(byLoad), c.steps) })
	}
}

func TestEjection(t *testing.T) {
	for _, c := range []struct {
		name   string
		config []func(*Config)
		steps  []step
	}{
		{"after five failures in a row, for 5 s", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=4; b", "up 256"}, {2, "a streak=5; b", "ejected"},
			{6.9, "a streak=5; b", "ejected"}, {7, "a streak=5; b", "up 26"}, {8, "a streak=5; b", "up 33"},
		}},
		{"failures from before do not count again", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=6; b", "ejected"}, {3, "a streak=8; b", "ejected"}, {6, "a streak=9; b", "up 26"},
			{7, "a streak=13; b", "up 33"}, {8, "a streak=14; b", "ejected"},
		}},
		{"a success in between begins a streak anew", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=6; b", "ejected"}, {6, "a streak=6; b", "up 26"},
			{7, "a streak=4 acks=1; b", "up 33"}, {8, "a streak=5; b", "ejected"},
		}},
		{"twice as long the second time", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}, {6, "a streak=5; b", "up 26"}, {7, "a streak=10; b", "ejected"},
			{16.9, "a streak=10; b", "ejected"}, {17, "a streak=10; b", "up 26"},
		}},
		{"as at first after a quiet time", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}, {6, "a streak=5; b", "up 26"}, {66, "a; b", "up 256"},
			{70, "a streak=5; b", "ejected"}, {75, "a streak=5; b", "up 26"},
		}},
		{"not from a streak at first sight", nil, []step{
			{0, "a streak=7; b", "up 256"}, {1, "a streak=11; b", "up 256"}, {2, "a streak=12; b", "ejected"},
		}},
		{"not from the failures of an outage", nil, []step{
			{0, "a boot=1; b", "up 256"}, {1, "a boot=1 critical streak=4; b", "down"}, {2, "a boot=1 critical streak=9; b", "down"}, {3, "a boot=1 streak=9; b", "up 256"},
		}},
		{"never the last", nil, []step{{0, "a; b critical", "up 256"}, {1, "a streak=50; b critical", "up 256"}}},
		{"one of two always may be", []func(*Config){eject10}, []step{{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}}},
		{"the worst first", nil, []step{{0, "a; b", "up 256"}, {1, "a streak=5; b streak=6", "up 256"}}},
		{"at most half", nil, []step{{0, "a; b; c; d; e", "up 256"}, {1, "a streak=5; b streak=6; c streak=7; d; e", "up 256"}}},
		{"all but one if allowed", []func(*Config){ejectAll}, []step{{0, "a; b; c; d", "up 256"}, {1, "a streak=5; b streak=6; c streak=7; d", "ejected"}}},
		{"checks that pass do not shorten it", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}, {2, "a since=2 streak=5; b", "ejected"},
		}},
		{"checks that fail go first", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}, {2, "a critical; b", "down"}, {3, "a; b", "ejected"}, {6, "a; b", "up 26"},
		}},
		{"a drain goes first", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}, {2, "a drain; b", "draining"},
		}},
		{"the other goes down: back at once", nil, []step{
			{0, "a; b", "up 256"}, {1, "a streak=5; b", "ejected"}, {2, "a streak=5; b critical", "up 26"}, {3, "a streak=5; b", "up 33"},
		}},
		{"the longest out returns first", nil, []step{
			{0, "a; b; c; d", "up 256"}, {1, "a streak=5; b; c; d", "ejected"}, {2, "a streak=5; b streak=5; c; d", "ejected"},
			{3, "a streak=5; b streak=5; c; d critical", "up 26"},
		}},
		{"in a panic too", nil, []step{
			{0, "a critical; b critical", "up 256"}, {1, "a critical streak=5; b critical", "ejected"},
		}},
		{"in each tier by itself", nil, []step{{0, "a; b tier=1", "up 256"}, {1, "a streak=9; b tier=1", "up 256"}}},
		{"switched off", []func(*Config){never}, []step{{0, "a; b", "up 256"}, {1, "a streak=99; b", "up 256"}}},
	} {
		t.Run(c.name, func(t *testing.T) { run(t, with(c.config...), c.steps) })
	}
}

func TestEjectionTime(t *testing.T) {
	cfg := Defaults()
	for n, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 6: 160 * time.Second, 7: 300 * time.Second, 1 << 30: 300 * time.Second} {
		if got := ejectionTime(&cfg, n); got != want {
			t.Errorf("time %d lasts %v, want %v", n, got, want)
		}
	}
	cfg.MaxEjection = math.MaxInt64
	if got := ejectionTime(&cfg, 99); got != math.MaxInt64 {
		t.Errorf("the longest there is: %v", got)
	}
	if got := ejectionTime(&Config{Consecutive: 1}, 5); got != 0 {
		t.Errorf("no base: %v", got)
	}
}

func TestEjectable(t *testing.T) {
	for _, c := range []struct{ alive, percent, want int }{
		{0, 50, 0}, {1, 50, 0}, {1, 100, 0}, {2, 50, 1}, {2, 0, 1}, {3, 50, 1}, {4, 50, 2}, {10, 50, 5}, {10, 10, 1}, {10, 100, 9}, {10, -5, 1}, {10, 900, 9},
	} {
		if got := ejectable(c.alive, c.percent); got != c.want {
			t.Errorf("%d%% of %d: %d, want %d", c.percent, c.alive, got, c.want)
		}
	}
}

func TestEjectionReasons(t *testing.T) {
	s := &sequence{cfg: Defaults()}
	s.next(0, "a; b")
	v := s.next(1, "a streak=5; b streak=6 active=2")
	if got, want := server(t, v, "b").Reason, "ejected after 6 failures in a row (6 unanswered, 0 reset, 0 unreachable of 0 lately) until 2026-01-02T03:04:11Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := server(t, v, "a").Reason, "5 failures in a row, but no more servers may be ejected (at most 50%, never the last)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if b := server(t, v, "b"); !b.EjectedUntil.Equal(at(6)) || b.Ejections != 1 || b.Weight != 0 || !v.Due.Equal(at(6)) {
		t.Errorf("%+v, due %v", b, v.Due)
	}
	if got, want := v.Reason, "1 of 2 servers alive, 1 ejected"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	v = s.next(2, "a; b streak=6")
	if got, want := server(t, v, "b").Reason, "ejected until 2026-01-02T03:04:11Z, once lately"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	v = s.next(6, "a; b streak=6")
	if got, want := server(t, v, "b").Reason, "warming up: 10% with 30s to go"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestQuorumMargin(t *testing.T) {
	s := &sequence{cfg: with(quorum2, margin1)}
	for _, st := range []struct {
		text string
		met  bool
	}{
		{"a; b; c critical; z fallback", true}, // it was not lost yet
		{"a; b critical; c critical; z fallback", false},
		{"a; b; c critical; z fallback", false}, // one more is needed
		{"a; b; c; z fallback", true},
		{"a; b; c critical; z fallback", true},
		{"a; b critical; z fallback", false},
		{"a; b; z fallback", true}, // more than all cannot be asked for
	} {
		if v := s.next(0, st.text); v.Quorum != st.met || v.Fallback == st.met {
			t.Errorf("%q: quorum %v, fallback %v, want %v (%s)", st.text, v.Quorum, v.Fallback, st.met, v.Reason)
		}
	}
}

func TestQuorumShareMargin(t *testing.T) {
	s := &sequence{cfg: with(sixty)}
	for i, st := range []struct {
		alive int // of 100
		met   bool
	}{{60, true}, {59, false}, {60, false}, {64, false}, {65, true}, {61, true}} {
		v := s.next(0, fmt.Sprintf("a cap=%d; b cap=%d critical; z fallback", st.alive, 100-st.alive))
		if v.Quorum != st.met {
			t.Errorf("step %d, %d%% alive: quorum %v, want %v (%s)", i, st.alive, v.Quorum, st.met, v.Reason)
		}
	}
}

// The boot id tells whether connections can have outlived an absence.
func TestGeneration(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts []string
		want  uint32
	}{
		{"flapping checks", []string{"a boot=1; b", "a boot=1 critical; b", "a boot=1; b"}, 0},
		{"no agent", []string{"a; b", "a critical; b", "a; b"}, 0},
		{"the first report", []string{"a; b", "a boot=1; b"}, 0},
		{"a report that is missing", []string{"a boot=1; b", "a; b", "a boot=1; b"}, 0},
		{"restarted while it was away", []string{"a boot=1; b", "a critical; b", "a boot=2; b"}, 1},
		{"restarted without being missed", []string{"a boot=1; b", "a boot=2; b", "a boot=2; b"}, 1},
		{"known before it is back", []string{"a boot=1; b", "a boot=2 critical; b", "a boot=2; b"}, 1},
		{"twice", []string{"a boot=1; b", "a boot=2; b", "a boot=1; b"}, 2},
		{"while it was gone", []string{"a boot=1; b", "b", "b", "a boot=2; b"}, 1},
		{"gone, and back the same", []string{"a boot=1; b", "b", "b", "a boot=1; b"}, 0},
		{"drained to the end", []string{"a; b", "a drain until=2; b", "a drain until=2; b", "a drain until=2; b", "a; b"}, 1},
		{"drained without deadline", []string{"a; b", "a drain; b", "a drain; b", "a; b"}, 0},
		{"another name at the same address", []string{"b boot=1 addr=10.0.0.97", "a boot=2"}, 1},
		{"another address", []string{"a boot=1; b", "a boot=2 addr=10.9.9.9; b"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: Defaults()}
			var v *Verdict
			for i, text := range c.texts {
				v = s.next(float64(i), text)
			}
			if got := server(t, v, "a").Generation; got != c.want {
				t.Errorf("generation %d, want %d", got, c.want)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name   string
		config []func(*Config)
		steps  []step
		due    float64 // after the last step; negative: never
	}{
		{"without deadline", nil, []step{{0, "a; b", "up 256"}, {1, "a drain; b", "draining"}, {9999, "a drain; b", "draining"}}, -1},
		{"until a deadline", nil, []step{{0, "a; b", "up 256"}, {1, "a drain until=60; b", "draining"}, {59.9, "a drain until=60; b", "draining"}}, 60},
		{"past the deadline", nil, []step{{1, "a drain until=60; b", "draining"}, {60, "a drain until=60; b", "down"}, {99, "a drain until=60; b", "down"}}, -1},
		{"the deadline is put off too late", nil, []step{{60, "a drain until=60; b", "down"}, {61, "a drain until=99; b", "down"}}, -1},
		{"the deadline is put off", nil, []step{{1, "a drain until=60; b", "draining"}, {59, "a drain until=99; b", "draining"}, {61, "a drain until=99; b", "draining"}}, 99},
		{"the VIP's deadline, by the pool", []func(*Config){minute}, []step{{0, "a; b", "up 256"}, {10, "a drained; b", "draining"}, {69, "a drained; b", "draining"}}, 70},
		{"the VIP's deadline has passed", []func(*Config){minute}, []step{{10, "a drained; b", "draining"}, {70, "a drained; b", "down"}}, -1},
		{"the operator's deadline goes before the VIP's", []func(*Config){minute}, []step{{0, "a drain until=200; b", "draining"}, {100, "a drain until=200; b", "draining"}}, 200},
		{"undrained before the end", nil, []step{{0, "a drain until=60; b", "draining"}, {30, "a; b", "up 26"}}, 31},
		{"undrained after the end", nil, []step{{0, "a drain until=60; b", "draining"}, {70, "a drain until=60; b", "down"}, {80, "a; b", "up 26"}}, 81},
		{"drained again: a deadline of its own", []func(*Config){minute}, []step{{0, "a drain; b", "draining"}, {60, "a drain; b", "down"}, {61, "a; b", "up 26"}, {70, "a drain; b", "draining"}}, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: with(c.config...)}
			var v *Verdict
			for _, st := range c.steps {
				v = s.next(st.at, st.text)
				if got := strings.TrimPrefix(spellOne(server(t, v, "a")), "a "); got != st.want {
					t.Errorf("at %vs: %s, want %s", st.at, got, st.want)
				}
			}
			if want := at(c.due); v.Due.IsZero() != (c.due < 0) || c.due >= 0 && !v.Due.Equal(want) {
				t.Errorf("due %v, want %v", v.Due, c.due)
			}
		})
	}
}

func TestDownSince(t *testing.T) {
	s := &sequence{cfg: Defaults()}
	s.next(0, "a; b")
	s.next(5, "a critical; b")
	if got := server(t, s.next(9, "a critical; b"), "a").DownSince; !got.Equal(at(5)) {
		t.Errorf("down since %v, want %v", got, at(5))
	}
	if got := server(t, s.next(10, "a; b"), "a").DownSince; !got.IsZero() {
		t.Errorf("up, but down since %v", got)
	}
	s.next(11, "a critical; b")
	if got := server(t, s.next(12, "a critical; b"), "a").DownSince; !got.Equal(at(11)) {
		t.Errorf("down since %v, want %v", got, at(11))
	}
}

func TestRemoved(t *testing.T) {
	s := &sequence{cfg: Defaults()}
	for i, st := range []struct{ text, want string }{
		{"a; b; z fallback", "a up 256, b up 256, z standby"},
		{"b; z fallback", "b up 256, z standby, a removed"},
		{"b; z fallback", "b up 256, z standby"},
		{"b addr=10.9.9.9", "b up 26, b removed, z removed"},
		{"c addr=10.9.9.9", "c up 41"}, // another name of the same
		{"", "c removed"},
		{"", ""},
	} {
		v := s.next(float64(2*i), st.text)
		if got := spell(v); got != st.want {
			t.Errorf("step %d: %q, want %q", i, got, st.want)
		}
		for _, r := range v.Servers {
			if r.State == Removed && (!r.Addr.IsValid() || r.Port != 80 || r.Weight != 0 || r.Reason == "" || r.Fallback != (r.ID == "z")) {
				t.Errorf("%+v", r)
			}
		}
	}
}

// What left is remembered for ten minutes, and as long as it has connections.
func TestForgetting(t *testing.T) {
	for _, c := range []struct {
		name, text string
		after      float64
		known      bool
	}{
		{"at once", "b", 2, true},
		{"before ten minutes", "b", 600, true},
		{"after ten minutes", "b", 601, false},
		{"after ten minutes, with connections", "b", 3000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: Defaults()}
			s.next(0, "a boot=1; b")
			s.next(1, c.text)
			in := parse(c.after, c.text)
			if strings.Contains(c.name, "connections") {
				in.Tallies["a"] = Tally{Active: 3}
			}
			_, s.memory = Next(s.cfg, in, s.memory)
			v := s.next(c.after+1, "a boot=2; b")
			if got := server(t, v, "a").Generation == 1; got != c.known {
				t.Errorf("remembered: %v, want %v", got, c.known)
			}
		})
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		name   string
		config []func(*Config)
		texts  []string // a second apart
		want   float64  // negative: never
	}{
		{"nothing in motion", nil, []string{"a; b"}, -1},
		{"a report that will be forgotten", nil, []string{"a load=0.5; b"}, 90},
		{"a report that will fade", []func(*Config){byLoad}, []string{"a load=0.5; b"}, 30},
		{"a report that fades", []func(*Config){byLoad}, []string{"a load=0.5 at=-40; b"}, 2},
		{"headroom that glides", []func(*Config){byLoad}, []string{"a load=0.5; b", "a load=0.7; b"}, 1.5},
		{"a ramp", nil, []string{"b", "a; b"}, 2},
		{"a short ramp", []func(*Config){func(c *Config) { c.SlowStart = time.Second }}, []string{"b", "a; b"}, 1.2},
		{"the end of an ejection", nil, []string{"a; b", "a streak=5; b"}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sequence{cfg: with(c.config...)}
			var v *Verdict
			for i, text := range c.texts {
				v = s.next(float64(i), text)
			}
			if v.Due.IsZero() != (c.want < 0) || c.want >= 0 && !v.Due.Equal(at(c.want)) {
				t.Errorf("due %v, want %vs", v.Due, c.want)
			}
		})
	}
}
