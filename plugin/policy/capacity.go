package policy

import (
	"math"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// capacity learns what a server can really bear, from its own reports: how many
// connections it has for each unit of load. Only the ratio to the other servers
// counts. It is all in logarithms.
type capacity struct {
	fast, slow float64 // averages of the log of connections/(load x capacity)
	known      bool
	agile      time.Duration // for which the slow one follows as fast, after a change
}

// The numbers of the estimate.
const (
	capacityFast  = 60 * time.Second  // time constant that notices a change
	capacitySlow  = 600 * time.Second // and the one that is trusted at rest
	capacityJump  = 0.25              // how far they part until the fast one is believed
	fullLoad      = 0.95              // from here on load no longer follows connections
	capacityNoise = 0.07              // a deviation of which half is believed
	quietLoad     = 0.05              // below, it tells nothing
	shrinkFull    = 0.1               // while it is full: it is slower than believed
	capacityAgile = 5 * time.Minute   // after a change the slow one is fast
)

// learn takes in a server's report, dt after the last.
func (c *capacity) learn(s *pool.Server, dt time.Duration) {
	if s.Load.Value < quietLoad || s.Load.Connections < 1 || s.Capacity <= 0 {
		return
	}
	z := math.Log(float64(s.Load.Connections) / (s.Load.Value * s.Capacity))
	if !c.known {
		c.fast, c.slow, c.known = z, z, true
		return
	}
	if s.Load.Value >= fullLoad {
		z = min(z, c.slow-shrinkFull)
	}
	tau := capacitySlow
	if c.agile > 0 {
		c.agile -= dt
		tau = capacityFast
	}
	c.fast += (z - c.fast) * -math.Expm1(-dt.Seconds()/capacityFast.Seconds())
	c.slow += (z - c.slow) * -math.Expm1(-dt.Seconds()/tau.Seconds())
	if math.Abs(c.fast-c.slow) > capacityJump {
		c.slow, c.agile = c.fast, capacityAgile
	}
}

// The least and the most that a learned capacity is of the configured one.
const (
	leastLearned = 0.25
	mostLearned  = 1.5
)

// learned multiplies shares, by slot, with what was learned of the servers, as
// far as their reports have not faded (0..1, by slot), and makes them add up to 1
// again.
func learned(shares []float64, of []capacity, faded []float64) []float64 {
	var sum, weight float64
	for i, share := range shares {
		if share > 0 && of[i].known {
			sum += share * of[i].slow
			weight += share
		}
	}
	out := make([]float64, len(shares))
	total := 0.0
	for i, share := range shares {
		out[i] = share
		if of[i].known && weight > 0 {
			deviation := shrunk(of[i].slow-sum/weight) * (1 - faded[i])
			out[i] *= clamp(math.Exp(deviation), leastLearned, mostLearned)
		}
		total += out[i]
	}
	for i := range out {
		if total > 0 {
			out[i] /= total
		}
	}
	return out
}

// shrunk takes small deviations for noise, as a Wiener filter does: what is
// configured is believed unless reports say clearly otherwise.
func shrunk(deviation float64) float64 {
	return deviation * deviation * deviation / (deviation*deviation + capacityNoise*capacityNoise)
}
