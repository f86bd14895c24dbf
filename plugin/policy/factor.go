package policy

import (
	"math"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// The loads at which headroom changes its ways.
const (
	easyLoad = 0.50 // up to here a server takes its whole capacity
	outLoad  = 0.90 // above, it takes nothing new
	backLoad = 0.75 // below, it comes back: the gap keeps it from flapping
)

const (
	headroomFloor  = 0.1             // of a server that is about to be excluded
	blink          = 3 * time.Second // of absence with the same boot id, that needs no slow start
	rampFloor      = 0.1             // of a server that has just returned (Envoy's min_weight_percent)
	warningFactor  = 0.5             // where the server does not say
	glidePerSecond = 0.2             // the most that headroom changes
	maxCapacity    = 1e9             // beyond, clamped: a share must not vanish in rounding
	minWeight      = 1e-9            // below, a capacity or a weight counts as 0
	maxOverride    = 10
)

// A load report is taken at its word while it is fresh, and then fades: old
// reports send everyone to the server that was idle when they were made, which
// is worse than knowing nothing (Mitzenmacher, "How Useful Is Old
// Information?", 2000).
const (
	reportFresh = 30 * time.Second
	reportFade  = 60 * time.Second
)

// capacityFactor is the capacity, in [0, maxCapacity].
func capacityFactor(capacity float64) float64 {
	if c := clamp(capacity, 0, maxCapacity); c >= minWeight {
		return c
	}
	return 0
}

// healthFactor is the share of its capacity that the server's health leaves.
func healthFactor(s *pool.Server) float64 {
	switch s.Health {
	case pool.Unknown, pool.Passing:
		return 1
	case pool.Warning:
		if s.WarningFactor > 0 && s.WarningFactor <= 1 {
			return s.WarningFactor
		}
		return warningFactor
	}
	return 0
}

// roomFor is what the load leaves of the capacity: 1 up to easyLoad, from
// there falling in a line to headroomFloor at outLoad, and above in inverse
// proportion to the load, which only counts when all servers are overloaded.
func roomFor(load float64) float64 {
	switch {
	case load <= easyLoad:
		return 1
	case load <= outLoad:
		return 1 - (load-easyLoad)/(outLoad-easyLoad)*(1-headroomFloor)
	}
	return headroomFloor * outLoad / load
}

// excluded tells whether a server of that load is out, given whether it was.
func excluded(was bool, load float64) bool {
	if was {
		return load >= backLoad
	}
	return load > outLoad
}

// fade is how much of a load report is forgotten at that age, 0 to 1.
func fade(age time.Duration) float64 {
	return clamp(float64(age-reportFresh)/float64(reportFade), 0, 1)
}

// towards is v moved towards another value by a fraction.
func towards(v, other, fraction float64) float64 { return v + (other-v)*fraction }

// glide is the way from one headroom to another that may be gone in a time.
func glide(from, to float64, in time.Duration) float64 {
	most := glidePerSecond * max(0, in.Seconds())
	return from + clamp(to-from, -most, most)
}

// rampFactor is Envoy's slow start with aggression 1: the share of the window
// that has passed, but never less than rampFloor.
func rampFactor(passed, window time.Duration) float64 {
	if window <= 0 || passed >= window {
		return 1
	}
	return max(rampFloor, float64(passed)/float64(window))
}

// overrideFactor is the operator's factor at now; 1 if the override has ended.
func overrideFactor(o Override, now time.Time) float64 {
	switch {
	case !o.holds(now):
		return 1
	case o.Drain:
		return 0
	}
	if f := clamp(o.Factor, 0, maxOverride); f >= minWeight {
		return f
	}
	return 0
}

func (o Override) holds(now time.Time) bool { return o.Until.IsZero() || now.Before(o.Until) }

// loadOf is the load that the server reported, and whether it reported one
// that can be used.
func loadOf(s *pool.Server) (load float64, known bool) {
	if !s.Load.Known() || math.IsNaN(s.Load.Value) {
		return 0, false
	}
	return clamp(s.Load.Value, 0, pool.MaxLoad), true
}
