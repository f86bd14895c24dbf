package world

import (
	"math"
	"math/rand/v2"
)

// client has one session after another, by random numbers of its own.
type client struct {
	domain int
	server int // -1 before the first session
	left   int // pages of the session
	random *rand.Rand
	sorts  bool
}

func newClient(p *Params, seed uint64, n, domain int) *client {
	c := &client{domain: domain, server: -1, random: rand.New(rand.NewPCG(seed, uint64(n)+1))}
	c.sorts = c.random.Float64() < p.Sorting
	return c
}

// begin starts a session at one of the addresses of an answer.
func (c *client) begin(p *Params, answer []int) {
	u := c.random.Float64() // drawn in any case: streams must not part by policy
	c.server = answer[int(u*float64(len(answer)))]
	if c.sorts {
		c.server = answer[0]
		for _, s := range answer {
			c.server = min(c.server, s)
		}
	}
	c.left = int(math.Ceil(c.random.ExpFloat64() * p.Pages))
}

// hits draws a page: how much work it is.
func (c *client) hits(p *Params) (work float64) {
	for range p.Hits[0] + c.random.IntN(p.Hits[1]-p.Hits[0]+1) {
		work += c.random.ExpFloat64()
	}
	return work
}

// zipf splits n clients over k domains in proportion to 1/rank, by largest
// remainder.
func zipf(n, k int, uniform bool) []int {
	weights, sum := make([]float64, k), 0.0
	for i := range weights {
		weights[i] = 1
		if !uniform {
			weights[i] = 1 / float64(i+1)
		}
		sum += weights[i]
	}
	counts, given := make([]int, k), 0
	for i, w := range weights {
		exact := float64(n) * w / sum
		counts[i] = int(exact)
		weights[i] = exact - float64(counts[i]) // what is left of it
		given += counts[i]
	}
	for ; given < n; given++ {
		most := 0
		for i, left := range weights {
			if left > weights[most] {
				most = i
			}
		}
		counts[most]++
		weights[most] = -1
	}
	return counts
}
