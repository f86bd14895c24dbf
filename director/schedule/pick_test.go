package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bench is a service with counters, as the datapath has it.
type bench struct {
	table  Table
	weight map[uint32]uint32
	active map[uint32]uint32
	out    map[uint32]bool // not eligible
}

func newBench(kind Kind, members []Member) *bench {
	b := &bench{table: Build(kind, members, seed), weight: map[uint32]uint32{}, active: map[uint32]uint32{}, out: map[uint32]bool{}}
	for _, m := range members {
		b.weight[m.Real] = m.Weight
	}
	return b
}

func (b *bench) input() Input {
	return Input{
		Active:   func(r uint32) uint32 { return b.active[r] },
		Weight:   func(r uint32) uint32 { return b.weight[r] },
		Eligible: func(r uint32) bool { return !b.out[r] },
	}
}

// pick makes the n-th pick of a service.
func (b *bench) pick(t *testing.T, kind Kind, n int, hash uint32) uint32 {
	t.Helper()
	in := b.input()
	in.Hash, in.Cursor, in.Random = hash, uint32(n), uint32(n)*2654435761
	r, ok := Pick(kind, b.table, in)
	if !ok {
		t.Fatalf("pick %d finds nobody", n)
	}
	return r
}

func TestPickInTurn(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []uint32
		out     string
		cursor  uint32
		want    string
	}{
		{"each in turn", []uint32{256, 256, 256}, "", 0, "abcabc"},
		{"the cursor wraps", []uint32{256, 256, 256, 256}, "", math.MaxUint32 - 1, "cdabcd"},
		{"the heavier one more often", []uint32{256, 512}, "", 0, "babbab"},
		{"who is out is passed over", []uint32{256, 256, 256}, "b", 0, "accacc"},
		{"weight 0 takes nothing", []uint32{256, 0, 256}, "", 0, "acacac"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, got := newBench(KindWRR, letters(c.weights...)), ""
			for _, r := range c.out {
				b.out[uint32(r-'a'+1)] = true
			}
			in := b.input()
			for i := range uint32(len(c.want)) {
				in.Cursor = c.cursor + i
				r, ok := Pick(KindWRR, b.table, in)
				if !ok {
					t.Fatal("nobody")
				}
				got += spell([]uint32{r})
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPickLeast(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []uint32
		active  []uint32
		out     string
		cursor  uint32
		want    string
	}{
		{"the fewest connections", []uint32{256, 256, 256}, []uint32{5, 3, 4}, "", 0, "b"},
		{"for its weight", []uint32{256, 1024, 256}, []uint32{5, 12, 4}, "", 0, "b"},
		{"idle servers have their turns by weight", []uint32{256, 512}, nil, "", 0, "b"},
		{"the lighter one too", []uint32{256, 512}, nil, "", 1, "a"},
		{"ties rotate with the cursor", []uint32{256, 256, 256}, nil, "", 2, "c"},
		{"ties rotate past the heavier", []uint32{256, 256, 256}, []uint32{1, 0, 0}, "", 0, "b"},
		{"weight 0 takes nothing", []uint32{0, 256}, []uint32{0, 9}, "", 0, "b"},
		{"who was tried is passed over", []uint32{256, 256, 256}, []uint32{5, 3, 4}, "b", 0, "c"},
		{"nobody is left", []uint32{256, 256}, nil, "ab", 0, ""},
		{"the most connections and weights do not overflow", []uint32{MaxWeight, MaxWeight}, []uint32{1<<31 - 1, 1<<31 - 2}, "", 0, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(KindWLC, letters(c.weights...))
			of := func(counts []uint32) func(uint32) uint32 {
				return func(r uint32) uint32 { return slices.Concat(counts, make([]uint32, 8))[r-1] }
			}
			in := b.input()
			in.Active, in.Cursor = of(c.active), c.cursor
			in.Eligible = func(r uint32) bool { return !strings.Contains(c.out, spell([]uint32{r})) }
			r, ok := Pick(KindWLC, b.table, in)
			if got := strings.Repeat(spell([]uint32{max(r, 1)}), map[bool]int{true: 1}[ok]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Whatever the scheduler and the size of the pool, connections that stay open
// spread by weight.
func TestPickShares(t *testing.T) {
	for kind := range kinds {
		for _, n := range []int{3, ExactMembers, ExactMembers + 1, 200} {
			t.Run(fmt.Sprint(kind, " of ", n), func(t *testing.T) {
				members := many(n, func(i int) uint32 { return uint32(i%3+1) * One })
				b, rng := newBench(kind, members), rand.New(rand.NewPCG(5, uint64(n)))
				picks := 300 * n
				for i := range picks {
					b.active[b.pick(t, kind, i, rng.Uint32())]++
				}
				total := totalWeight(members)
				for _, m := range members {
					want := float64(m.Weight) / total * float64(picks)
					within := 0.02 * want
					if kind.Hashed() { // random clients: five standard deviations
						within = 5*math.Sqrt(want) + 0.02*want
					}
					if got := float64(b.active[m.Real]); math.Abs(got-want) > within+2 {
						t.Errorf("%s of weight %d has %v connections, want %.0f within %.0f", m.Key, m.Weight, got, want, within)
					}
				}
			})
		}
	}
}

// Whatever the scheduler: with one member left that can take the connection,
// it is found, however well hidden.
func TestPickFindsTheLastOne(t *testing.T) {
	for kind := range kinds {
		for _, n := range []int{1, 2, ExactMembers, ExactMembers + 1, 1024} {
			t.Run(fmt.Sprint(kind, " of ", n), func(t *testing.T) {
				b := newBench(kind, many(n, one))
				for i := range n {
					b.out[uint32(i+1)] = true
				}
				in := b.input()
				in.Hash, in.Cursor, in.Random = 77, 77, 77
				if r, ok := Pick(kind, b.table, in); ok {
					t.Errorf("found %d though all are out", r)
				}
				last := uint32(n)
				delete(b.out, last)
				for i := range 20 {
					if got := b.pick(t, kind, i*13, uint32(i)*1e9); got != last {
						t.Fatalf("found %d, want %d", got, last)
					}
				}
				b.weight[last] = 0
				if r, ok := Pick(kind, b.table, b.input()); ok {
					t.Errorf("found %d, whose weight is 0", r)
				}
			})
		}
	}
}

// A client of a hash scheduler stays with its server; when that is out, its
// clients spread over others, and the others' clients stay.
func TestPickHashed(t *testing.T) {
	b := newBench(KindMaglev, many(20, one))
	before, rng := map[uint32]uint32{}, rand.New(rand.NewPCG(7, 8))
	for i := range 5000 {
		h := rng.Uint32()
		before[h] = b.pick(t, KindMaglev, i, h)
	}
	gone := uint32(7)
	b.out[gone] = true
	heirs := map[uint32]int{}
	for h, was := range before {
		now := b.pick(t, KindMaglev, 0, h)
		switch {
		case was == gone:
			heirs[now]++
		case now != was:
			t.Fatalf("client %#x of %d goes to %d though only %d is out", h, was, now, gone)
		}
	}
	if len(heirs) < 15 {
		t.Errorf("clients of %d go to %d others only: %v", gone, len(heirs), heirs)
	}
}

// With more than ExactMembers, one server that was emptied is not flooded by
// all: it is drawn in proportion to its weight.
func TestPickDrawsSpread(t *testing.T) {
	b := newBench(KindWLC, many(256, one))
	for i := range uint32(256) {
		b.active[i+1] = 100
	}
	b.active[9] = 0
	picks := 0
	for i := range 256 {
		if b.pick(t, KindWLC, i, 0) == 9 {
			picks++
		}
	}
	// It is among 16 draws of 256 with a probability of 1-(255/256)^16 = 0.061.
	if picks < 5 || picks > 35 {
		t.Errorf("the idle one of 256 gets %d of 256, want about 16", picks)
	}
}

func TestPickNothing(t *testing.T) {
	for kind := range kinds {
		b := newBench(kind, nil)
		if r, ok := Pick(kind, b.table, b.input()); ok {
			t.Errorf("%v: %d from an empty table", kind, r)
		}
		idle := newBench(kind, many(ExactMembers+1, func(int) uint32 { return 0 }))
		if r, ok := Pick(kind, idle.table, idle.input()); ok || len(idle.table.Slots) != 0 {
			t.Errorf("%v: %d from members without weight", kind, r)
		}
		in := newBench(kind, letters(256)).input()
		in.Eligible = nil
		in.Weight = func(uint32) uint32 { return One }
		if r, ok := Pick(kind, Table{Members: []uint32{4}}, in); !ok || r != 4 {
			t.Errorf("%v: got %d, %v from members without slots", kind, r, ok)
		}
	}
}
