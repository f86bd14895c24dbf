//go:build linux

package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestWindows(t *testing.T) {
	quotas := []float64{.5, .25}
	samples := []sample{
		{Seconds: 1, CPU: []float64{.5, 0}, Queries: 1, Failed: 1, Pages: []float64{10}},
		{Seconds: 1, CPU: []float64{0, .25}, Queries: 2, Pages: []float64{20, 30}},
		{Seconds: 2, CPU: []float64{.5, .25}},
	}
	if got := maxima(samples, quotas); !slices.EqualFunc(got, []float64{1, 1, .5}, near) {
		t.Errorf("maxima %v, want 1, 1, 0.5", got)
	}
	if got := overAverage(samples, quotas); !slices.EqualFunc(got, []float64{2, 2, 1}, near) {
		t.Errorf("max/avg %v, want 2, 2, 1", got)
	}
	merged := merge(samples, 2)
	if len(merged) != 1 {
		t.Fatalf("%d windows of two samples, want 1: what is left over is left out", len(merged))
	}
	one := merged[0]
	if one.Seconds != 2 || one.Queries != 3 || one.Failed != 1 || !slices.Equal(one.Pages, []float64{10, 20, 30}) {
		t.Errorf("%+v is not the sum of two samples", one)
	}
	if got := overAverage(merged, quotas); !near(got[0], 1) {
		t.Errorf("max/avg %v over both: they balance out, want 1", got)
	}
	if got := below([]float64{.5, .9, 1}, .9); !near(got, 1./3) {
		t.Errorf("%v of the values are below 0.9, want a third", got)
	}
	if got := maxOverMean([]float64{0, 0}); got != 1 {
		t.Errorf("max/avg %v of servers without work, want 1", got)
	}
}

// TestChanceShrinksWithTheWindow: as the root of the number of pages does, and
// to far less than the goal in the window that the goal is for.
func TestChanceShrinksWithTheWindow(t *testing.T) {
	s := defaults()
	h := hit{CPU: s.hitCPU()} // all of it by chance
	short, long := chance(s, h, s.window(1))-1, chance(s, h, s.window(s.span))-1
	if ratio := short / long; ratio < 3 || ratio > 5.5 {
		t.Errorf("%.3f and %.3f above 1: a ratio of %.2f, want about %.0f", short, long, ratio, math.Sqrt(float64(s.span)))
	}
	if long > (goal-1)/2 {
		t.Errorf("chance alone makes %.3f of the goal of %v", 1+long, goal)
	}
}

func TestTimesAreScaled(t *testing.T) {
	s := settings{factor: 8}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"a duration", s.scaled(10 * time.Second), 1250 * time.Millisecond},
		{"a TTL", s.seconds(constantTTL), 30},
		{"a TTL that is no whole number", s.seconds(floor), 8},
		{"a TTL below a second", s.seconds(time.Second), 1},
		{"a window", s.window(3), 3 * time.Second},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}
