package policy

import (
	"fmt"
	"strings"
	"testing"
)

// manyServers is a pool of n, of capacities 1 to 4.
func manyServers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "s%d cap=%d; ", i, 1+i%4)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// TestRivalsSkipNobody compares draws that look at few members with draws that
// look at all of them.
func TestRivalsSkipNobody(t *testing.T) {
	for _, n := range []int{1, 2, 8} {
		p := hashPlan(manyServers(300), n)
		few := &p.tables[A]
		all := few.rivals
		all.enough = make([]uint64, len(all.hashes))
		again := 0
		for i := range uint64(20_000) {
			var got, want Choice
			few.rivals.draw(&got, few.members, few.n, mix(i))
			all.draw(&want, few.members, few.n, mix(i))
			if got != want {
				t.Fatalf("n = %d, key %d: %v, want %v", n, i, got.Members[:got.N], want.Members[:want.N])
			}
			enough := 0
			for j, h := range all.hashes {
				if pairing(mix(i), mix(mix(i))|1, h) >= few.rivals.enough[j] {
					enough++
				}
			}
			if enough < n {
				again++
			}
		}
		if again == 0 || again > 20_000/200 {
			t.Errorf("n = %d: %d of 20000 keys look at all members", n, again)
		}
	}
}

// TestRivalsAreIndependent: who is second depends on the first no more than its
// absence says.
func TestRivalsAreIndependent(t *testing.T) {
	const keys = 400_000
	p := hashPlan(manyServers(40), 2)
	first := make([]float64, 40)
	pairs := make([][40]float64, 40)
	for i := range uint32(keys) {
		c := hash{}.Draw(p, Query{Key: keyOf(i)})
		first[c.Members[0]]++
		pairs[c.Members[0]][c.Members[1]]++
	}
	var chi, chiPairs float64
	for i := range first {
		share := p.Members[i].Share
		e := share * keys
		chi += (first[i] - e) * (first[i] - e) / e
		for j := range pairs[i] {
			if i == j {
				continue
			}
			e := keys * share * p.Members[j].Share / (1 - share)
			chiPairs += (pairs[i][j] - e) * (pairs[i][j] - e) / e
		}
	}
	if limit := chiLimit(39); chi > limit {
		t.Errorf("chi-square of the first %.1f, above %.1f", chi, limit)
	}
	if limit := chiLimit(40*39 - 1); chiPairs > limit {
		t.Errorf("chi-square of pairs %.1f, above %.1f", chiPairs, limit)
	}
}

func TestRivalsWithOneAlmostAlone(t *testing.T) {
	r := newRivals([]uint64{1, 2}, []float64{1 - 1e-15, 1e-15}, 1)
	for i := range uint64(1000) {
		var c Choice
		if r.draw(&c, []uint16{0, 1}, 1, mix(i)); c.N != 1 || c.Members[0] != 0 {
			t.Fatalf("key %d: %v", i, c.Members[:c.N])
		}
	}
}
