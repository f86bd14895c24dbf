//go:build linux

package main

import (
	"math/rand/v2"
	"time"
)

// trials is how many windows pure chance is averaged over.
const trials = 200

// chance is the mean of max/avg that is left when every server gets exactly its
// share of the clients: pages come when they come, and have the hits that they
// have. No policy of addresses can be expected below it. Clients that wait for
// their answers make it a little less than these independent arrivals do.
func chance(s settings, h hit, window time.Duration) float64 {
	r := rand.New(rand.NewPCG(s.seed, 0))
	quotas, all := s.quotas(), make([]float64, trials)
	for k := range all {
		utilisation := make([]float64, len(quotas))
		for i, q := range quotas {
			expected := s.pageRate() * window.Seconds() * q / s.cores
			utilisation[i] = work(r, h, expected).Seconds() / (q * window.Seconds())
		}
		all[k] = maxOverMean(utilisation)
	}
	return mean(all)
}

// work is what as many pages take as come by chance.
func work(r *rand.Rand, h hit, expected float64) (total time.Duration) {
	for at := r.ExpFloat64(); at < expected; at += r.ExpFloat64() {
		for range leastHits + r.IntN(mostHits-leastHits+1) {
			total += h.Overhead + exponential(r, h.CPU)
		}
	}
	return total
}
