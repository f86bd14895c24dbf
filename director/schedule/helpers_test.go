package schedule

import (
	"fmt"
	"math"
	"testing"
)

// letters makes members a, b, c… with these weights and the ids 1, 2, 3…
func letters(weights ...uint32) []Member {
	members := make([]Member, len(weights))
	for i, w := range weights {
		members[i] = Member{Key: string(rune('a' + i)), Real: uint32(i + 1), Weight: w}
	}
	return members
}

// many makes n members that are addresses; weight gives each its own.
func many(n int, weight func(i int) uint32) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{Key: fmt.Sprintf("10.0.%d.%d:80", i/256, i%256), Real: uint32(i + 1), Weight: weight(i)}
	}
	return members
}

func one(int) uint32 { return One }

// spell writes reals of letters as their letters.
func spell(reals []uint32) string {
	var b []byte
	for _, r := range reals {
		b = append(b, byte('a'+r-1))
	}
	return string(b)
}

// tally counts each real id.
func tally(reals []uint32) map[uint32]int {
	counts := map[uint32]int{}
	for _, r := range reals {
		counts[r]++
	}
	return counts
}

func totalWeight(members []Member) (total float64) {
	for _, m := range members {
		total += float64(m.Weight)
	}
	return total
}

// checkShares wants every member to hold its share of the slots to within so
// many slots.
func checkShares(t *testing.T, members []Member, slots []uint32, within float64) {
	t.Helper()
	counts, total := tally(slots), totalWeight(members)
	for _, m := range members {
		want := float64(m.Weight) / total * float64(len(slots))
		if got := float64(counts[m.Real]); math.Abs(got-want) > within {
			t.Errorf("%s of weight %d has %v of %d slots, want %.2f within %v", m.Key, m.Weight, got, len(slots), want, within)
		}
	}
}
