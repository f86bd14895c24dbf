package policy

import (
	"math"
	"time"
)

// servo finds the tolerance, by which a server may be loaded beyond its share,
// at which keys ask as often as they would under a constant TTL: the lower the
// tolerance, the shorter the TTLs.
type servo struct {
	tolerance float64
	rate      float64 // questions over what is affordable, smoothed
}

// The servo's numbers, for steps of 8 s.
const (
	servoStep     = 8 * time.Second
	servoGain     = 0.02
	servoSmooth   = 0.02
	leastTolerant = 0.005
	mostTolerant  = 1
)

func newServo() servo { return servo{tolerance: 0.1, rate: 1} }

// move takes in that keys ask so many times as often as is affordable, dt long.
func (s *servo) move(rate float64, dt time.Duration) {
	steps := min(dt.Seconds()/servoStep.Seconds(), 10)
	s.rate += min(servoSmooth*steps, 1) * (rate - s.rate)
	s.tolerance *= math.Exp(servoGain * steps * (s.rate - 1))
	s.tolerance = clamp(s.tolerance, leastTolerant, mostTolerant)
}
