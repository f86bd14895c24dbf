package pace

import (
	"testing"
	"time"
)

var limits = Limits{High: 0.90, Low: 0.75}

func ordinary() Pace {
	return Pace{Every: 10 * time.Second, Step: 0.05, Refresh: 10 * time.Minute, Limits: limits}
}

func TestAlarm(t *testing.T) {
	var a Alarm
	for i, step := range []struct {
		load float64
		want bool
	}{
		{0.5, false}, {0.90, false}, {0.91, true}, {0.89, true}, {0.75, true},
		{0.74, true}, {0.74, true}, {0.76, true}, // not three in a row
		{0.74, true}, {0.1, true}, {0.74, false}, // three
		{0.85, false}, {1.5, true},
	} {
		if a = a.Next(limits, step.load); a.On != step.want {
			t.Errorf("step %d, load %v: %v", i, step.load, a.On)
		}
	}
}

func published(load float64, overloaded bool) Published {
	return Published{Fact: Fact{Load: load, Overloaded: overloaded, Boot: "b", Connections: 100}, At: time.Unix(1000, 0), Gap: 10 * time.Second}
}

func TestQuantise(t *testing.T) {
	none := Published{}
	for _, c := range []struct {
		name       string
		last       Published
		load       float64
		overloaded bool
		want       float64
	}{
		{"first", none, 0.42, false, 0.40},
		{"no odd digits", none, 0.15, false, 0.15},
		{"edge between steps: stays above", published(0.45, false), 0.42, false, 0.45},
		{"edge between steps: stays below", published(0.40, false), 0.449, false, 0.40},
		{"a step away: moves", published(0.40, false), 0.45, false, 0.45},
		{"alarm went on: above its limit", published(0.90, false), 0.901, true, 0.95},
		{"alarm still on: not below the limit where it ends", published(0.85, true), 0.751, true, 0.75},
		{"alarm on, load below it: not below either", published(0.85, true), 0.3, true, 0.75},
		{"alarm went off: below its limit", published(0.80, true), 0.749, false, 0.70},
		{"alarm off: not above the limit where it starts", published(0.80, false), 0.90, false, 0.90},
		{"first and overloaded", none, 0.91, true, 0.95},
		{"empty", none, 0, false, 0},
		{"far over", none, 10, true, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ordinary().Quantise(c.last, c.load, c.overloaded); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		f     Fact
		want  bool
	}{
		{"nothing changed", time.Minute, Fact{Load: 0.41, Connections: 100, Boot: "b"}, false},
		{"load moved a step", time.Minute, Fact{Load: 0.45, Connections: 100, Boot: "b"}, true},
		{"load moved, too soon", 9 * time.Second, Fact{Load: 0.85, Connections: 100, Boot: "b"}, false},
		{"load moved, in time", 10 * time.Second, Fact{Load: 0.85, Connections: 100, Boot: "b"}, true},
		{"boot id changed", time.Minute, Fact{Load: 0.4, Connections: 100, Boot: "c"}, true},
		{"alarm", time.Minute, Fact{Load: 0.4, Connections: 100, Boot: "b", Overloaded: true}, true},
		{"a fifth more connections", time.Minute, Fact{Load: 0.4, Connections: 120, Boot: "b"}, true},
		{"a few more connections", time.Minute, Fact{Load: 0.4, Connections: 115, Boot: "b"}, false},
		{"refresh", 10 * time.Minute, Fact{Load: 0.4, Connections: 100, Boot: "b"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := published(0.40, false)
			if _, got := ordinary().Next(last.At.Add(c.after), last, c.f); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	for _, c := range []struct {
		name         string
		after        time.Duration
		last, weight int
		want         bool
	}{
		{"weight: a twentieth more", time.Minute, 100, 105, true},
		{"weight: a little more", time.Minute, 100, 104, false},
		{"weight: one of a few more", time.Minute, 3, 4, true},
		{"weight: half lost, too soon", time.Second, 100, 50, false},
		{"weight: half lost, in time", 10 * time.Second, 100, 50, true},
		{"weight: more than half lost goes at once", time.Second, 100, 49, true},
		{"weight: doubled, too soon", time.Second, 100, 200, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := published(0.40, false)
			last.Fact.Weight = c.last
			f := last.Fact
			f.Weight = c.weight
			if _, got := ordinary().Next(last.At.Add(c.after), last, f); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("load becomes unknown, and known", func(t *testing.T) {
		last := published(0.40, false)
		f, ok := ordinary().Next(last.At.Add(time.Minute), last, Fact{Unknown: true, Load: 0.4, Connections: 100, Boot: "b"})
		if !ok || f.Load != 0 || f.Connections != 0 {
			t.Errorf("unknown: %+v %v", f, ok)
		}
		last.Fact = f
		f, ok = ordinary().Next(last.At.Add(time.Minute), last, Fact{Load: 0.03, Boot: "b"})
		if !ok || f.Load != 0.05 {
			t.Errorf("known: %+v %v, want the load rounded anew", f, ok)
		}
	})
	t.Run("few connections: only a handful matters", func(t *testing.T) {
		if connectionsMatter(2, 9) || !connectionsMatter(2, 12) || !connectionsMatter(12, 2) {
			t.Error("2 to 9 matters, or 2 to 12 does not")
		}
	})
	t.Run("first", func(t *testing.T) {
		if _, ok := ordinary().Next(time.Unix(0, 0), Published{}, Fact{}); !ok {
			t.Error("the first fact waits")
		}
	})
}

func TestDoneSpreads(t *testing.T) {
	for _, c := range []struct {
		random float64
		want   time.Duration
	}{{0, 8 * time.Second}, {0.5, 10 * time.Second}, {1, 12 * time.Second}} {
		if got := ordinary().Done(time.Time{}, Fact{}, c.random).Gap; got != c.want {
			t.Errorf("random %v: gap %v, want %v", c.random, got, c.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Most: 10 * time.Second}
	now := time.Unix(0, 0)
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if got := b.Fail(now, 1); got != want*time.Second {
			t.Errorf("failure %d: %v, want %vs", i+1, got, want)
		}
	}
	if got := b.Fail(now, 0); got != 5*time.Second || !b.Until().Equal(now.Add(got)) {
		t.Errorf("least wait %v until %v", got, b.Until())
	}
	if b.Reset(); b.Fail(now, 1) != time.Second {
		t.Error("reset did not reset")
	}
}
