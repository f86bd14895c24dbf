package policy

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// frequencies of n draws: how often each member came first, was in, and was in
// together with each other.
type frequencies struct {
	n, answers int
	first, in  []int
	pair       [][]int
}

func measure(t *testing.T, p *Plan, f Family, n int) frequencies {
	t.Helper()
	fr := frequencies{n: n, first: make([]int, len(p.Members)), in: make([]int, len(p.Members))}
	fr.pair = make([][]int, len(p.Members))
	for i := range fr.pair {
		fr.pair[i] = make([]int, len(p.Members))
	}
	random := fixedRandom(1)
	for range n {
		c := weighted{}.Draw(p, Query{Family: f, Random: random()})
		checkChoice(t, p, f, &c)
		fr.answers = c.N
		fr.first[c.Members[0]]++
		for _, i := range c.Members[:c.N] {
			fr.in[i]++
			for _, j := range c.Members[:c.N] {
				fr.pair[i][j]++
			}
		}
	}
	return fr
}

// inclusion is how likely each share is in an answer of n: n times the share,
// what exceeds 1 going to the others. A slow and obvious reference.
func inclusion(shares []float64, n int) []float64 {
	pi := make([]float64, len(shares))
	sure := make([]bool, len(shares))
	for {
		left, sum := float64(n), 0.0
		for i, s := range shares {
			if sure[i] {
				left--
			} else {
				sum += s
			}
		}
		over := false
		for i, s := range shares {
			switch {
			case sure[i]:
				pi[i] = 1
			default:
				if pi[i] = left * s / sum; pi[i] >= 1-1e-12 {
					sure[i], over = true, true
				}
			}
		}
		if !over {
			return pi
		}
	}
}

// chiSquare bounds, at about 1 in 10,000 by chance, of that many degrees of
// freedom (Wilson and Hilferty).
func chiLimit(degrees int) float64 {
	k := float64(degrees)
	c := 1 - 2/(9*k) + 3.72*math.Sqrt(2/(9*k))
	return k * c * c * c
}

func TestWeightedFollowsTheShares(t *testing.T) {
	const draws = 100_000
	for _, pool := range []string{
		"a cap=3; b cap=1; c cap=1",
		"a cap=5; b cap=4; c cap=3; d cap=2; e cap=1",
		"a; b; c; d",
		"a cap=100; b cap=2; c cap=1; d cap=1", // a in nearly every answer of 1, in all of 2
		"a cap=50; b cap=40; c cap=5; d cap=3; e cap=2",
		"a cap=2; b",
		"a",
	} {
		for answers := 1; answers <= 3; answers++ {
			t.Run(fmt.Sprintf("%s, answers=%d", pool, answers), func(t *testing.T) {
				cfg := testConfig()
				cfg.Answers = answers
				p := planOf(cfg, pool)
				fr := measure(t, p, A, draws)
				checkFrequencies(t, p, fr, min(answers, len(p.Members)))
			})
		}
	}
}

func checkFrequencies(t *testing.T, p *Plan, fr frequencies, answers int) {
	t.Helper()
	if fr.answers != answers {
		t.Fatalf("%d answers, want %d", fr.answers, answers)
	}
	want := make([]float64, len(p.Members))
	for i := range want {
		want[i] = p.Members[i].Share
	}
	pi := inclusion(want, answers)
	var chiFirst, chiIn float64
	degrees, varying := -1, -1
	for i := range want {
		first, in := float64(fr.first[i])/float64(fr.n), float64(fr.in[i])/float64(fr.n)
		if math.Abs(first-want[i]) > 0.01 || math.Abs(in-pi[i]) > 0.01 {
			t.Errorf("%s: first %.4f, want %.4f; in %.4f, want %.4f", p.Members[i].Server.ID, first, want[i], in, pi[i])
		}
		e := want[i] * float64(fr.n)
		chiFirst += (float64(fr.first[i]) - e) * (float64(fr.first[i]) - e) / e
		degrees++
		if pi[i] > 1-1e-9 {
			if fr.in[i] != fr.n {
				t.Errorf("%s is sure to be in but was only in %d of %d", p.Members[i].Server.ID, fr.in[i], fr.n)
			}
			continue
		}
		e = pi[i] * float64(fr.n)
		// Counts of membership vary by n pi (1-pi) each.
		chiIn += (float64(fr.in[i]) - e) * (float64(fr.in[i]) - e) / (e * (1 - pi[i]))
		varying++
	}
	if degrees > 0 && chiFirst > chiLimit(degrees) {
		t.Errorf("first position: chi-square %.1f with %d degrees of freedom", chiFirst, degrees)
	}
	// The counts depend on each other, so this sum is not quite chi-square
	// distributed; twice the limit still finds any bias of note.
	if varying > 0 && chiIn > 2*chiLimit(varying) {
		t.Errorf("membership: chi-square %.1f with %d degrees of freedom", chiIn, varying)
	}
}

func TestWeightedOfManyMembers(t *testing.T) {
	cfg := testConfig()
	cfg.Answers = 3
	for _, n := range []int{16, 300} {
		p, _ := Next(cfg, Input{Now: epoch, Pool: sizedPool(n)}, nil)
		checkFrequencies(t, p, measure(t, p, A, 100_000), 3)
	}
}

// Under one layout each of six equal servers would only ever meet the one at
// distance 3, and all its clients would have the same second choice.
func TestCompanyVaries(t *testing.T) {
	cfg := testConfig()
	p := planOf(cfg, "a; b; c; d; e; f")
	fr := measure(t, p, A, 50_000)
	for i := range p.Members {
		met := 0
		for j := range p.Members {
			if i != j && fr.pair[i][j] > 0 {
				met++
			}
		}
		if met < 4 {
			t.Errorf("%s meets only %d of 5 others", p.Members[i].Server.ID, met)
		}
	}
}

// A client whose first address fails should not meet everyone else's second.
func TestSecondPositionVaries(t *testing.T) {
	cfg := testConfig()
	cfg.Answers = 3
	p := planOf(cfg, "a; b; c")
	random := fixedRandom(3)
	second := map[[2]uint16]int{}
	for range 60_000 {
		c := weighted{}.Draw(p, Query{Random: random()})
		second[[2]uint16{c.Members[0], c.Members[1]}]++
	}
	for pair, n := range second {
		if n < 9_500 || n > 10_500 {
			t.Errorf("%v came %d times of 60000, want about 10000", pair, n)
		}
	}
	if len(second) != 6 {
		t.Errorf("%d orders of the first two, want 6", len(second))
	}
}

func TestStableIsInIDOrder(t *testing.T) {
	for _, name := range Names() {
		pol, p := served(name, testConfig(), Input{Now: epoch, Pool: parsePool("a; b; c; d; e")})
		random := fixedRandom(5)
		for range 200 {
			q := Query{Random: random(), Stable: true, Key: keyOf(uint32(random())), Now: epoch}
			if c := pol.Draw(p, q); c.N != 2 || !slices.IsSorted(c.Members[:c.N]) {
				t.Fatalf("%s: drew %v", name, c.Members[:c.N])
			}
		}
	}
}

func TestFamilies(t *testing.T) {
	p := planOf(testConfig(), "a addr=192.0.2.1; b addr=2001:db8::1 cap=3; c addr=192.0.2.3+2001:db8::3; d addr=::ffff:192.0.2.4; e addr=192.0.2.5 critical")
	for _, c := range []struct {
		family Family
		size   int
		shares []float64
	}{
		{A, 3, []float64{1. / 3, 0, 1. / 3, 1. / 3, 0}},
		{AAAA, 2, []float64{0, 0.75, 0.25, 0, 0}},
		{SRV, 4, []float64{1. / 6, 0.5, 1. / 6, 1. / 6, 0}},
	} {
		t.Run(c.family.String(), func(t *testing.T) {
			if p.Size(c.family) != c.size {
				t.Errorf("size %d, want %d", p.Size(c.family), c.size)
			}
			fr := measure(t, p, c.family, 50_000)
			for i, want := range c.shares {
				if got := float64(fr.first[i]) / float64(fr.n); math.Abs(got-want) > 0.01 {
					t.Errorf("%s first in %.3f of answers, want %.3f", p.Members[i].Server.ID, got, want)
				}
			}
		})
	}
	if p.Size(Families) != 0 || (weighted{}.Draw(p, Query{Family: 9})).N != 0 {
		t.Error("an unknown family has members")
	}
}

func TestSRVHoldsAll(t *testing.T) {
	for _, c := range []struct{ servers, want int }{{1, 1}, {5, 5}, {32, 32}, {100, 32}} {
		for _, name := range Names() {
			pol, p := served(name, testConfig(), Input{Now: epoch, Pool: sizedPool(c.servers)})
			choice := pol.Draw(p, Query{Family: SRV, Random: 42, Key: keyOf(7)})
			if choice.N != c.want {
				t.Errorf("%s of %d servers: %d answers, want %d", name, c.servers, choice.N, c.want)
			}
			checkChoice(t, p, SRV, &choice)
		}
	}
}

func TestNobodyToDraw(t *testing.T) {
	for _, name := range Names() {
		pol, p := served(name, testConfig(), Input{Now: epoch})
		if c := pol.Draw(p, Query{Key: keyOf(1)}); c.N != 0 || c.TTL != p.TTL {
			t.Errorf("%s: drew %+v while waiting", name, c)
		}
	}
}

func TestDrawDoesNotAllocate(t *testing.T) {
	random := fixedRandom(1)
	for _, name := range Names() {
		pol, p := served(name, testConfig(), Input{Now: epoch, Pool: sizedPool(100)})
		now := epoch
		for f := range Families {
			for _, stable := range []bool{false, true} {
				if n := testing.AllocsPerRun(100, func() {
					now = now.Add(time.Minute)
					pol.Draw(p, Query{Family: f, Random: random(), Stable: stable, Key: keyOf(9), Now: now})
				}); n != 0 {
					t.Errorf("%s %v: %v allocations", name, f, n)
				}
			}
		}
	}
}

// checkChoice: distinct, in, of the family, and as many as can be.
func checkChoice(t *testing.T, p *Plan, f Family, c *Choice) {
	t.Helper()
	if want := min(p.answers(f), p.Size(f)); c.N != want {
		t.Fatalf("%d members drawn of %v, want %d", c.N, f, want)
	}
	var seen [MaxAnswers]uint16
	got := append(seen[:0], c.Members[:c.N]...)
	slices.Sort(got)
	for k, i := range got {
		if k > 0 && got[k-1] == i {
			t.Fatalf("member %d drawn twice: %v", i, c.Members[:c.N])
		}
		if m := &p.Members[i]; !m.In || !drawable(m.Server, f) {
			t.Fatalf("drew %s, which is out or has no %v", m.Server.ID, f)
		}
	}
	if adapts := kinds[p.Config.Policy].adapts; !adapts && c.TTL != p.TTL {
		t.Fatalf("TTL %v, want %v", c.TTL, p.TTL)
	}
	if c.TTL > p.TTL || c.TTL < min(p.Config.MinTTL, p.TTL) || c.TTL%time.Second != 0 {
		t.Fatalf("TTL %v, want whole seconds from %v to %v", c.TTL, p.Config.MinTTL, p.TTL)
	}
}

// SRV records carry the weights, so with more members than an answer holds
// each must be in as often as any other.
func TestSRVOfManyDoesNotWeighTwice(t *testing.T) {
	members := make([]string, 0, 64)
	for i := range 64 {
		members = append(members, fmt.Sprintf("m%02d cap=%d", i, 1+2*(i%2)))
	}
	for _, name := range Names() {
		p, plan := served(name, testConfig(), Input{Now: epoch, Pool: parsePool(strings.Join(members, "; "))})
		heavy, all := 0, 0
		for i := range 4000 {
			key := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
			c := p.Draw(plan, Query{Family: SRV, Key: key, Random: mix(uint64(i))})
			for _, m := range c.Members[:c.N] {
				all++
				heavy += int(m) % 2
			}
		}
		if share := float64(heavy) / float64(all); share < 0.48 || share > 0.52 {
			t.Errorf("%s: the heavier half has %.3f of the places", name, share)
		}
	}
}
