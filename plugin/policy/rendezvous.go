package policy

import (
	"math"
	"math/bits"
)

// rivals are the members of a table as rendezvous hashing sees them, in the same
// order: what a draw reads of all of them lies side by side.
type rivals struct {
	hashes  []uint64  // of their servers' IDs
	enough  []uint64  // a lower number is hardly ever among the best
	inverse []float64 // 1/share of each
}

// newRivals is for draws of n of the members, whose shares sum up to 1.
//
// Their scores are the points of a Poisson process of rate 1, so that the number
// of them up to s is distributed by Poisson with mean s. With s as here fewer than
// n are, and all have to be looked at again, for one key of 400 (n = 1) or less.
func newRivals(hashes []uint64, shares []float64, n int) rivals {
	r := rivals{hashes, make([]uint64, len(hashes)), make([]float64, len(hashes))}
	s := float64(n) + 3*math.Sqrt(float64(n)) + 2
	for i, share := range shares {
		r.inverse[i] = 1 / share
		r.enough[i] = uint64(math.Exp(-s*share) * (1 - 1e-12) * 0x1p64)
	}
	return r
}

// draw fills c with the n members of the smallest score -ln(u)/share, u in (0, 1]
// being the hash of key and server: exponentially distributed, so that the
// smallest is any member with a probability of its share, and a member's change
// moves only the keys that it gains or loses.
func (r *rivals) draw(c *Choice, members []uint16, n int, key uint64) {
	var scores [MaxAnswers]float64
	seed := mix(key) | 1
	enough := r.enough[:len(r.hashes)]
	for i, hash := range r.hashes {
		if u := pairing(key, seed, hash); u >= enough[i] {
			c.rank(&scores, n, members[i], score(u, r.inverse[i]))
		}
	}
	if c.N == n {
		return
	}
	c.N = 0
	for i, hash := range r.hashes {
		c.rank(&scores, n, members[i], score(pairing(key, seed, hash), r.inverse[i]))
	}
}

// pairing hashes a key and a server by one multiplication, folded as in Wang Yi's
// wyhash; both are hashes already.
func pairing(key, seed, server uint64) uint64 {
	high, low := bits.Mul64(key^server, seed)
	return high ^ low
}

func score(u uint64, inverse float64) float64 {
	return -math.Log(float64(u>>11+1)*0x1p-53) * inverse
}

// rank puts a member among the n of the smallest scores, if it is one of them.
func (c *Choice) rank(scores *[MaxAnswers]float64, n int, member uint16, score float64) {
	switch {
	case c.N < n:
		c.N++
	case score >= scores[n-1]:
		return
	}
	at := c.N - 1
	for ; at > 0 && scores[at-1] > score; at-- {
		scores[at], c.Members[at] = scores[at-1], c.Members[at-1]
	}
	scores[at], c.Members[at] = score, member
}
