package schedule

// maglevSizes are the primes that MaglevSize chooses from.
var maglevSizes = [...]int{251, 1021, 4099, 16381, 65521}

// MaglevSize is the number of slots for a service of n members: the first of
// 251, 1021, 4099, 16381 and 65521 that is at least 100 n, so that shares are
// within one percent (NSDI'16, section 3.4), and 65521 for more than 655.
func MaglevSize(n int) int {
	for _, size := range maglevSizes {
		if size >= 100*n {
			return size
		}
	}
	return maglevSizes[len(maglevSizes)-1]
}

// Maglev fills a table of size slots, or of the next prime number, as NSDI'16 section 3.4
// tells: each member has a permutation of the slots that depends on its key
// alone, and in its turn takes the first slot of it that is still free. Turns
// go by the weighted Sequence, so that every member has its share to within one
// slot. When a member leaves, hardly more than its own slots change hands.
//
// Equal keys, weights and seeds make equal tables, but for the real ids. It is
// nil if no member has a weight, or size is not positive.
func Maglev(members []Member, size int, seed uint64) []uint32 {
	members = weighty(members)
	if len(members) == 0 || size <= 0 {
		return nil
	}
	size = nextPrime(size)
	walks := make([]walk, len(members))
	for i, m := range members {
		walks[i] = newWalk(m.Key, uint64(size), seed)
	}
	turns := order(shares(members, size))
	slots, taken := make([]uint32, size), make([]bool, size)
	for i := range size {
		m := turns[i%len(turns)]
		at := walks[m].free(taken)
		slots[at], taken[at] = members[m].Real, true
	}
	return slots
}

// walk is a member's way through its permutation of the slots.
type walk struct{ at, skip, size uint64 }

func newWalk(key string, size, seed uint64) walk {
	h := hashKey(key, seed)
	return walk{at: h % size, skip: mix(h, uint64(len(key))+1)%(size-1) + 1, size: size}
}

// free moves to the next slot that nobody has taken, and returns it.
func (w *walk) free(taken []bool) uint64 {
	for taken[w.at] {
		if w.at += w.skip; w.at >= w.size {
			w.at -= w.size
		}
	}
	return w.at
}

// nextPrime is the least prime that is at least n and at least 3. Only to a
// prime is every skip coprime, so that a walk comes by all slots.
func nextPrime(n int) int {
	for n = max(n, 3); ; n++ {
		divisor := 2
		for divisor*divisor <= n && n%divisor != 0 {
			divisor++
		}
		if divisor*divisor > n {
			return n
		}
	}
}
