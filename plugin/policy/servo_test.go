package policy

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestServo: the tolerance at which keys ask as often as is affordable is found,
// wherever that is, and whatever the steps.
func TestServo(t *testing.T) {
	// The model: the more is tolerated the longer the TTLs, with an elasticity.
	type model struct{ right, elasticity float64 }
	asked := func(m model, tolerance float64) float64 { return math.Pow(m.right/tolerance, m.elasticity) }
	for _, m := range []model{{0.02, 0.5}, {0.1, 0.5}, {0.4, 0.5}, {0.05, 0.2}, {0.05, 1}} {
		for _, dt := range []time.Duration{time.Second, 8 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprintf("tolerance %v, elasticity %v, every %v", m.right, m.elasticity, dt), func(t *testing.T) {
				s := newServo()
				for passed := time.Duration(0); passed < 3*time.Hour; passed += dt {
					s.move(asked(m, s.tolerance), dt)
				}
				if got := asked(m, s.tolerance); math.Abs(got-1) > 0.03 {
					t.Errorf("%.3f times as many questions as are affordable, tolerance %.4f", got, s.tolerance)
				}
			})
		}
	}
}

func TestServoKeepsWithinBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		rate float64 // whatever the tolerance
		want float64
	}{
		{"always too many questions", 10, mostTolerant},
		{"never enough", 0, leastTolerant},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServo()
			for range 5000 {
				s.move(c.rate, 8*time.Second)
			}
			if s.tolerance != c.want {
				t.Errorf("tolerance %v, want %v", s.tolerance, c.want)
			}
		})
	}
}

// TestServoIsSlow: one odd census does not change much, even after a pause.
func TestServoIsSlow(t *testing.T) {
	s := newServo()
	before := s.tolerance
	s.move(3, 8*time.Second)
	if s.tolerance/before > 1.01 {
		t.Errorf("tolerance went from %v to %v in 8 s", before, s.tolerance)
	}
	s = newServo()
	s.move(3, time.Hour)
	if s.tolerance/before > 1.1 {
		t.Errorf("tolerance went from %v to %v after an hour", before, s.tolerance)
	}
}
