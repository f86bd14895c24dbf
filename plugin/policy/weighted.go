package policy

import (
	"math/bits"
	"slices"
)

// weighted draws n of the members at random, each answer anew. See the package
// comment for what it guarantees.
type weighted struct{}

// Draw takes everything from q.Random and ignores q.Key.
func (weighted) Draw(p *Plan, q Query) Choice {
	c := Choice{TTL: p.TTL}
	if q.Family >= Families {
		return c
	}
	t := &p.tables[q.Family]
	t.sample(&c, q.Random)
	if q.Stable {
		slices.Sort(c.Members[:c.N])
	} else {
		shuffleTail(&c, q.Random)
	}
	return c
}

// sample fills c with the sure members and t.rest of the others, the first
// being any member with a probability of exactly its share.
//
// The others are Madow's systematic sample: points one apart on a layout's
// line. Its first point is uniform over the whole line rather than over the
// first unit, so that the member there is itself drawn by share.
func (t *table) sample(c *Choice, random uint64) {
	c.N = t.n
	if t.n == 0 {
		return
	}
	sure := copy(c.Members[:], t.sure)
	first := 0
	for u := uniform(mix(random)); first < sure && t.sureEnd[first] <= u; first++ {
	}
	if t.rest > 0 {
		length := uint64(t.rest) << unitBits
		l := &t.layouts[mix(random+2)%uint64(len(t.layouts))]
		point, _ := bits.Mul64(mix(random+1), length)
		for i := sure; i < t.n; i++ {
			c.Members[i] = l.at(point)
			if point += unit; point >= length {
				point -= length
			}
		}
	}
	first = min(first, t.n-1) // rounding of the last sureEnd
	c.Members[0], c.Members[first] = c.Members[first], c.Members[0]
}

// shuffleTail puts all but the first member in random order, so that clients
// whose first choice fails do not all go to the same second.
func shuffleTail(c *Choice, random uint64) {
	for i := c.N - 1; i > 1; i-- {
		j, _ := bits.Mul64(mix(random+2+uint64(i)), uint64(i))
		c.Members[i], c.Members[j+1] = c.Members[j+1], c.Members[i]
	}
}
