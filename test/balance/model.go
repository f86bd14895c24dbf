//go:build linux

package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// The model of the papers (Cardellini, Colajanni and Yu on DNS of Web server
// clusters, 1997 to 2003), with its own times: settings.scaled makes them ours.
const (
	think        = 15 * time.Second  // between two pages of a client, exponential
	pages        = 20                // of a session, exponential
	leastHits    = 5                 // of a page, uniform
	mostHits     = 15                //
	samplePeriod = 8 * time.Second   // of the servers' utilisation
	constantTTL  = 240 * time.Second // of policies that do not choose it
	smoothing    = 16 * time.Second  // of the load that servers report
)

// page is what a client asks for, and when.
type page struct {
	think time.Duration   // before it, since the last one was there
	hits  []time.Duration // CPU that each takes
}

// session draws what a client does in its n-th session. It depends on nothing
// else: each policy gets the same.
func session(s settings, hit time.Duration, client, n int) []page {
	r := rand.New(rand.NewPCG(s.seed, uint64(client)<<32|uint64(n)))
	all := make([]page, 1+int(math.Round((pages-1)*r.ExpFloat64())))
	for i := range all {
		all[i].think = exponential(r, s.scaled(think))
		all[i].hits = make([]time.Duration, leastHits+r.IntN(mostHits-leastHits+1))
		for k := range all[i].hits {
			all[i].hits[k] = exponential(r, hit)
		}
	}
	return all
}

func exponential(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean))
}

// pageRate is how many pages the clients ask for in a second, if answers take
// no time.
func (s *settings) pageRate() float64 {
	return float64(s.clients) / s.scaled(think).Seconds()
}

// meanHits is how many hits a page has.
const meanHits = float64(leastHits+mostHits) / 2

// hitCPU is what a hit must take, on average, for the wanted utilisation.
func (s *settings) hitCPU() time.Duration {
	return time.Duration(s.cores * s.utilisation / (s.pageRate() * meanHits) * float64(time.Second))
}

// zipf splits clients over resolvers by Zipf's law: the n-th has a weight of
// 1/n, and each at least one client. Remainders go to the largest ones.
func zipf(clients, resolvers int) []int {
	sum := 0.0
	for n := 1; n <= resolvers; n++ {
		sum += 1 / float64(n)
	}
	split, left := make([]int, resolvers), clients
	for i := range split {
		split[i] = max(1, int(float64(clients)/(float64(i+1)*sum)))
		left -= split[i]
	}
	for i := 0; left != 0; i = (i + 1) % resolvers {
		step := 1
		if left < 0 {
			step = -1
		}
		if split[i]+step >= 1 {
			split[i] += step
			left -= step
		}
	}
	return split
}
