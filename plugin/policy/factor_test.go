package policy

import (
	"math"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestCapacityFactor(t *testing.T) {
	for _, c := range []struct{ capacity, want float64 }{
		{0, 0}, {1, 1}, {2.5, 2.5}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), maxCapacity}, {1e-300, 0},
	} {
		if got := capacityFactor(c.capacity); got != c.want {
			t.Errorf("capacity %v: %v, want %v", c.capacity, got, c.want)
		}
	}
}

func TestHealthFactor(t *testing.T) {
	for _, c := range []struct {
		name   string
		server pool.Server
		want   float64
	}{
		{"not checked yet", pool.Server{}, 1},
		{"passing", pool.Server{Health: pool.Passing}, 1},
		{"warning", pool.Server{Health: pool.Warning}, 0.5},
		{"warning with a factor of its own", pool.Server{Health: pool.Warning, WarningFactor: 0.2}, 0.2},
		{"warning with a factor above 1", pool.Server{Health: pool.Warning, WarningFactor: 3}, 0.5},
		{"warning with no number", pool.Server{Health: pool.Warning, WarningFactor: math.NaN()}, 0.5},
		{"critical", pool.Server{Health: pool.Critical}, 0},
		{"drained", pool.Server{Health: pool.Drained}, 0},
		{"a state from the future", pool.Server{Health: 77}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := healthFactor(&c.server); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestHeadroom(t *testing.T) {
	for _, c := range []struct{ load, want float64 }{
		{0, 1}, {0.5, 1}, {0.6, 0.775}, {0.7, 0.55}, {0.8, 0.325}, {0.9, 0.1}, {1.8, 0.05}, {10, 0.009},
	} {
		if got := roomFor(c.load); !near(got, c.want) {
			t.Errorf("load %v: %v, want %v", c.load, got, c.want)
		}
	}
}

func TestExcluded(t *testing.T) {
	was := false
	for i, c := range []struct {
		load float64
		want bool
	}{
		{0.85, false}, {0.90, false}, {0.91, true}, {0.85, true}, {0.76, true}, {0.75, true}, {0.74, false}, {0.89, false},
	} {
		if was = excluded(was, c.load); was != c.want {
			t.Errorf("step %d, load %v: excluded %v", i, c.load, was)
		}
	}
}

func TestFade(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want float64
	}{{0, 0}, {30 * time.Second, 0}, {60 * time.Second, 0.5}, {90 * time.Second, 1}, {time.Hour, 1}} {
		if got := fade(c.age); !near(got, c.want) {
			t.Errorf("age %v: %v, want %v", c.age, got, c.want)
		}
	}
}

func TestGlide(t *testing.T) {
	for _, c := range []struct {
		from, to float64
		in       time.Duration
		want     float64
	}{
		{1, 0, time.Second, 0.8},
		{0, 1, 2 * time.Second, 0.4},
		{0.5, 0.55, time.Second, 0.55},
		{1, 0, time.Minute, 0},
		{1, 0, -time.Second, 1}, // the clock was set back
	} {
		if got := glide(c.from, c.to, c.in); !near(got, c.want) {
			t.Errorf("from %v to %v in %v: %v, want %v", c.from, c.to, c.in, got, c.want)
		}
	}
}

func TestRampFactor(t *testing.T) {
	const window = 30 * time.Second
	for _, c := range []struct {
		passed, window time.Duration
		want           float64
	}{
		{0, window, 0.1}, {time.Second, window, 0.1}, {15 * time.Second, window, 0.5},
		{window, window, 1}, {time.Hour, window, 1}, {0, 0, 1}, {0, NoRamp, 1},
	} {
		if got := rampFactor(c.passed, c.window); !near(got, c.want) {
			t.Errorf("%v of %v: %v, want %v", c.passed, c.window, got, c.want)
		}
	}
}

func TestOverrideFactor(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Override
		want float64
	}{
		{"half", Override{Factor: 0.5}, 0.5},
		{"drain wins", Override{Factor: 5, Drain: true}, 0},
		{"ended", Override{Drain: true, Until: epoch}, 1},
		{"still holds", Override{Drain: true, Until: at(1)}, 0},
		{"too much", Override{Factor: 1000}, 10},
		{"negative", Override{Factor: -1}, 0},
		{"not a number", Override{Factor: math.NaN()}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := overrideFactor(c.o, epoch); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
