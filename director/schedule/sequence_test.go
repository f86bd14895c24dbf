package schedule

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []uint32
		size    int
		want    string
	}{
		{"equal weights: each in turn", []uint32{256, 256, 256}, 64, "abc"},
		{"equal odd weights are as short", []uint32{77, 77, 77}, 64, "abc"},
		{"one twice as heavy", []uint32{256, 512, 256}, 64, "babc"},
		{"the heavy one is spread", []uint32{5, 1, 1}, 64, "abaacaa"},
		{"three to two", []uint32{3, 2}, 64, "ababa"},
		{"alone", []uint32{1000}, 64, "a"},
		{"weight 0 takes nothing", []uint32{0, 256, 0, 256}, 64, "bd"},
		{"nobody has a weight", []uint32{0, 0}, 64, ""},
		{"no members", nil, 64, ""},
		{"no room", []uint32{1, 1}, 0, ""},
		{"rounded by largest remainder", []uint32{501, 499}, 4, "abab"},
		{"a light member has a slot all the same", []uint32{1, 1000}, 4, "babb"},
		{"more members than slots: the heaviest", []uint32{1, 5, 3, 7}, 2, "bd"},
		{"exactly as many members as slots", []uint32{1, 5000, 1}, 3, "abc"},
		{"the greatest weights do not overflow", []uint32{math.MaxUint32, math.MaxUint32 - 1}, 4, "abab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := spell(Sequence(letters(c.weights...), c.size)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSequenceWhateverTheOrder(t *testing.T) {
	members := letters(1, 2, 3, 5, 8, 13)
	given := slices.Clone(members)
	want := Sequence(members, 100)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		before := slices.Clone(members)
		if got := Sequence(members, 100); !slices.Equal(got, want) {
			t.Errorf("%v gives %q, want %q", members, spell(got), spell(want))
		}
		if !slices.Equal(members, before) {
			t.Fatal("the caller's members were moved")
		}
	}
	if slices.Equal(given, members) {
		t.Fatal("nothing was shuffled")
	}
}

func TestSequenceOfALargePool(t *testing.T) {
	for _, c := range []struct {
		name   string
		weight func(i int) uint32
		length int
		within float64
	}{
		{"alike", one, 1024, 0},
		{"small whole capacities", func(i int) uint32 { return uint32(i%4+1) * One }, 2560, 0},
		{"no common divisor", func(i int) uint32 { return 10_000 + uint32(i)*7 }, SequenceSize, 1},
		{"one giant", func(i int) uint32 { return One + uint32(i/1023)*MaxWeight/2 }, SequenceSize, 1024},
	} {
		t.Run(c.name, func(t *testing.T) {
			members := many(1024, c.weight)
			begin := time.Now()
			slots := Sequence(members, SequenceSize)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("took %v", took)
			}
			if len(slots) != c.length {
				t.Errorf("%d slots, want %d", len(slots), c.length)
			}
			checkShares(t, members, slots, c.within)
			if got := len(tally(slots)); got != 1024 {
				t.Errorf("%d members have slots, want all 1024", got)
			}
		})
	}
}

// FuzzSequence makes sequences of any weights, one of each two bytes: they are
// as long as promised, shares are exact or within a slot, and evenly spread.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 1, 0}, uint16(64))
	f.Add([]byte{5, 0, 1, 0, 1, 0}, uint16(7))
	f.Add([]byte{0, 0, 255, 255, 1, 0}, uint16(3))
	f.Add([]byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, weights []byte, size uint16) {
		var members []Member
		for i := 0; i+1 < len(weights) && i < 512; i += 2 {
			w := uint32(weights[i]) | uint32(weights[i+1])<<8
			members = append(members, Member{Key: string(rune('a' + i/2)), Real: uint32(i/2 + 1), Weight: w})
		}
		checkSequence(t, members, Sequence(members, int(size)), int(size))
	})
}

func checkSequence(t *testing.T, members []Member, slots []uint32, size int) {
	t.Helper()
	heavy := weighty(members)
	if len(heavy) == 0 || size == 0 {
		if slots != nil {
			t.Fatalf("slots %v from nothing", slots)
		}
		return
	}
	var divisor, total uint64
	for _, m := range heavy {
		divisor, total = gcd(divisor, uint64(m.Weight)), total+uint64(m.Weight)
	}
	if want := min(total/divisor, uint64(size)); uint64(len(slots)) != want {
		t.Fatalf("%d slots, want %d", len(slots), want)
	}
	counts, lightest := tally(slots), slices.MinFunc(heavy, func(a, b Member) int { return int(a.Weight) - int(b.Weight) })
	if uint64(lightest.Weight)*uint64(len(slots)) >= total {
		checkShares(t, heavy, slots, 1)
	}
	for i, m := range heavy {
		if counts[m.Real] == 0 && len(heavy) <= len(slots) {
			t.Fatalf("%+v has no slot of %d", m, len(slots))
		}
		if i > 0 && (m.Weight > heavy[i-1].Weight && counts[m.Real] < counts[heavy[i-1].Real]) {
			t.Fatalf("%+v has fewer slots than %+v", m, heavy[i-1])
		}
	}
	checkSmooth(t, slots, counts)
}

// checkSmooth wants every member to have had its share, within one slot, after
// any number of slots.
func checkSmooth(t *testing.T, slots []uint32, counts map[uint32]int) {
	t.Helper()
	had := map[uint32]int{}
	for at, r := range slots {
		had[r]++
		for real, n := range counts {
			due := float64(n) * float64(at+1) / float64(len(slots))
			if math.Abs(float64(had[real])-due) > 1+1e-9 {
				t.Fatalf("after %d of %d slots %d had %d turns, its share is %.2f", at+1, len(slots), real, had[real], due)
			}
		}
	}
}
