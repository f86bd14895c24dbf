package policy

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestObserver: the gain rises if each report asks for more of what the last one
// did, and falls if reports contradict one another.
func TestObserver(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		report func(i int) []float64
		rises  bool
	}{
		{"consistent", func(i int) []float64 { return []float64{60 + float64(i%2), 40} }, true},
		{"consistent, one does not report", func(i int) []float64 { return []float64{60 + float64(i%2), 40, nan} }, true},
		{"noisy", func(int) []float64 { return []float64{50 + 5*r.NormFloat64(), 50 + 5*r.NormFloat64()} }, false},
		{"contradictory", func(i int) []float64 { return []float64{50 + 10*float64(i%2*2-1), 50} }, false},
		{"consistent beneath some noise", func(int) []float64 { return []float64{65 + 3*r.NormFloat64(), 35 + 3*r.NormFloat64()} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObserver()
			for i := range 600 {
				o.adapt(c.report(i), func(slot int) float64 { return []float64{0.5, 0.5, 0.2}[slot] })
			}
			want := leastGain
			if c.rises {
				want = mostGain
			}
			if math.Abs(o.gain-want) > 0.03 {
				t.Errorf("gain %.3f, from %.3f; want %.3f", o.gain, firstGain, want)
			}
		})
	}
}

// TestObserverOfTheSameReport: a report that was known already tells nothing
// new.
func TestObserverOfTheSameReport(t *testing.T) {
	for _, c := range []struct {
		name     string
		measured []float64
	}{
		{"the same", []float64{60, 40}},
		{"none", []float64{math.NaN(), math.NaN()}},
		{"nobody at all", nil},
		{"of idle servers", []float64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObserver()
			believed := func(int) float64 { return 0.5 }
			o.adapt(c.measured, believed)
			first := o.gain
			for range 100 {
				o.adapt(c.measured, believed)
			}
			if o.gain != first || math.IsNaN(o.gain) {
				t.Errorf("gain %v, was %v", o.gain, first)
			}
		})
	}
}

func TestObserverPart(t *testing.T) {
	o := observer{gain: 0.36}
	for _, c := range []struct {
		dt   time.Duration
		want float64
	}{{0, 0}, {4 * time.Second, 0.2}, {8 * time.Second, 0.36}, {16 * time.Second, 1 - 0.64*0.64}} {
		if got := o.part(c.dt); !near(got, c.want) {
			t.Errorf("%v: %v of the way, want %v", c.dt, got, c.want)
		}
	}
}
