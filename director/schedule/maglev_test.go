package schedule

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const seed = 0x5eed

func TestMaglevSize(t *testing.T) {
	for n, want := range map[int]int{0: 251, 1: 251, 2: 251, 3: 1021, 10: 1021, 11: 4099, 40: 4099, 41: 16381, 163: 16381, 164: 65521, 655: 65521, 1024: 65521} {
		if got := MaglevSize(n); got != want {
			t.Errorf("%d members: %d slots, want %d", n, got, want)
		}
	}
	for _, size := range maglevSizes {
		if nextPrime(size) != size {
			t.Errorf("%d is not prime", size)
		}
	}
}

func TestMaglevShares(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []Member
	}{
		{"one", letters(256)},
		{"two", letters(256, 256)},
		{"weights", letters(256, 512, 1024)},
		{"weights without a common divisor", letters(251, 509, 1021, 13)},
		{"one is only just warming up", letters(26, 256, 256, 256)},
		{"a hundred alike", many(100, one)},
		{"the most, alike", many(1024, one)},
		{"the most, unlike", many(1024, func(i int) uint32 { return uint32(i%8+1) * One })},
	} {
		t.Run(c.name, func(t *testing.T) {
			size := MaglevSize(len(c.members))
			slots := Maglev(c.members, size, seed)
			if len(slots) != size {
				t.Fatalf("%d slots, want %d", len(slots), size)
			}
			checkShares(t, c.members, slots, 2) // a percent of 100 slots is one, rounding another
		})
	}
}

func TestMaglevWithout(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []Member
		size    int
		want    int
	}{
		{"no members", nil, 251, 0},
		{"nobody has a weight", letters(0, 0), 251, 0},
		{"no slots", letters(256), 0, 0},
		{"a size that is not prime is raised", letters(256, 256), 1000, 1009},
		{"the least size", letters(256, 256), 1, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Maglev(c.members, c.size, seed); len(got) != c.want {
				t.Errorf("%d slots, want %d", len(got), c.want)
			}
		})
	}
	if counts := tally(Maglev(letters(256, 0, 256), 251, seed)); counts[2] != 0 || len(counts) != 2 {
		t.Errorf("weight 0 has slots: %v", counts)
	}
}

// Two directors give the same server other ids, and hear of servers in another
// order: their tables say the same.
func TestMaglevEqualOnTwoDirectors(t *testing.T) {
	here := many(50, func(i int) uint32 { return uint32(i%3+1) * One })
	there, key := slices.Clone(here), map[uint32]string{}
	for i := range there {
		there[i].Real = uint32(1000 - i)
		key[there[i].Real], key[here[i].Real] = there[i].Key, here[i].Key
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(there), func(i, j int) { there[i], there[j] = there[j], there[i] })
	for _, kind := range []Kind{KindMaglev, KindSH, KindWRR} {
		a, b := Build(kind, here, seed), Build(kind, there, seed)
		if len(a.Slots) != len(b.Slots) || len(a.Members) != 50 || len(b.Members) != 50 {
			t.Fatalf("%v: %d and %d slots, %d and %d members", kind, len(a.Slots), len(b.Slots), len(a.Members), len(b.Members))
		}
		for i := range a.Slots {
			if key[a.Slots[i]] != key[b.Slots[i]] {
				t.Fatalf("%v: slot %d is %s here and %s there", kind, i, key[a.Slots[i]], key[b.Slots[i]])
			}
		}
		for i := range a.Members {
			if key[a.Members[i]] != key[b.Members[i]] {
				t.Fatalf("%v: member %d is %s here and %s there", kind, i, key[a.Members[i]], key[b.Members[i]])
			}
		}
	}
}

func TestMaglevSeed(t *testing.T) {
	members := many(10, one)
	if moved := moved(Maglev(members, 1021, 1), Maglev(members, 1021, 2)); moved < 700 {
		t.Errorf("another seed moves %d of 1021 slots only", moved)
	}
}

// moved counts the slots in which two tables differ.
func moved(a, b []uint32) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func TestMaglevDisruption(t *testing.T) {
	unlike := func(i int) uint32 { return uint32(i%4+1) * One }
	for _, c := range []struct {
		name   string
		n      int
		weight func(i int) uint32
		change func(m []Member) []Member
		share  float64 // of the slots that has to move
		extra  float64 // of the slots that may move besides
	}{
		{"one of 10 leaves", 10, one, func(m []Member) []Member { return slices.Delete(m, 4, 5) }, 0.1, 0.05},
		{"one of 100 leaves", 100, one, func(m []Member) []Member { return slices.Delete(m, 40, 41) }, 0.01, 0.02},
		{"one of 100 is set to weight 0", 100, one, func(m []Member) []Member { m[40].Weight = 0; return m }, 0.01, 0.02},
		{"one of 10 that weigh 1 to 4 leaves", 10, unlike, func(m []Member) []Member { return slices.Delete(m, 0, 1) }, 1. / 23, 0.1},
		{"one joins 10", 10, one, func(m []Member) []Member { return append(m, Member{Key: "10.9.9.9:80", Real: 99, Weight: One}) }, 1. / 11, 0.05},
		{"one of 10 warms up from 0.5 to 0.6", 10, func(i int) uint32 { return One - uint32(i/9)*One/2 },
			func(m []Member) []Member { m[9].Weight = One * 6 / 10; return m }, 0.01, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			members, size := many(c.n, c.weight), MaglevSize(c.n)
			before := Maglev(members, size, seed)
			got := float64(moved(before, Maglev(c.change(members), size, seed))) / float64(size)
			if got < c.share*0.9 || got > c.share+c.extra {
				t.Errorf("%.3f of the slots move, want %.3f and at most %.3f more", got, c.share, c.extra)
			}
			t.Logf("%.3f of the slots move, %.3f at least", got, c.share)
		})
	}
}

func TestMaglevOfALargePoolIsQuick(t *testing.T) {
	for name, weight := range map[string]func(i int) uint32{
		"alike":     one,
		"unlike":    func(i int) uint32 { return 10_000 + uint32(i)*7 },
		"one giant": func(i int) uint32 { return One + uint32(i/1023)*MaxWeight/2 },
	} {
		t.Run(name, func(t *testing.T) {
			members := many(1024, weight)
			begin := time.Now()
			slots := Maglev(members, MaglevSize(1024), seed)
			// 100 ms is the aim; the race detector and a busy machine cost more.
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if got := len(tally(slots)); got != 1024 {
				t.Errorf("%d members have slots, want all 1024", got)
			}
		})
	}
}

func BenchmarkMaglev(b *testing.B) {
	members := many(1024, func(i int) uint32 { return 10_000 + uint32(i)*7 })
	for b.Loop() {
		Maglev(members, 65521, seed)
	}
}

func BenchmarkSequence(b *testing.B) {
	members := many(1024, func(i int) uint32 { return 10_000 + uint32(i)*7 })
	for b.Loop() {
		Sequence(members, SequenceSize)
	}
}
