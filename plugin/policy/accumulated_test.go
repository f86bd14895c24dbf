package policy

import (
	"math"
	"net/netip"
	"testing"
	"time"
)

// TestDAL compares with the bins as the paper has them: each answer adds the
// key's hidden load over the server's capacity, and goes where that is least.
func TestDAL(t *testing.T) {
	capacities := papersCapacities[50]
	k := attend(t, "dal", papersConfig(), papersRates(), poolOf(capacities))
	counts := papersClientsOf()
	bins := make([]float64, len(capacities))
	for i := range 400 {
		rank := int(mix(uint64(i)) % papersKeys)
		least := math.Inf(1)
		after := func(s int) float64 { return bins[s] + float64(counts[rank])/papersClients/capacities[s] }
		for s := range capacities {
			least = min(least, after(s))
		}
		k.now = k.now.Add(10 * time.Second)
		c := k.ask(keyOf(uint32(rank)))
		got := int(c.Members[0])
		if after(got) > least+1e-6 {
			t.Fatalf("answer %d: key %d got %s, whose bin would be %.4f, not %.4f", i, rank, k.who(c), after(got), least)
		}
		bins[got] = after(got)
	}
}

func TestDALWhenServersChange(t *testing.T) {
	rates := map[netip.Prefix]float64{keyOf(0): 1, keyOf(1): 1, keyOf(2): 1, keyOf(3): 1}
	asked := func(k *class, n int) map[string]int {
		counts := map[string]int{}
		for i := range n {
			k.now = k.now.Add(10 * time.Second)
			counts[k.who(k.ask(keyOf(uint32(i%4))))]++
		}
		return counts
	}
	t.Run("a newcomer gets its part, not everything", func(t *testing.T) {
		k := attend(t, "dal", papersConfig(), rates, "a; b")
		asked(k, 1000)
		k.next("a; b; c")
		if got := asked(k, 30); got["c"] < 9 || got["c"] > 11 {
			t.Errorf("%v of 30 answers", got)
		}
	})
	t.Run("nor one that returns", func(t *testing.T) {
		k := attend(t, "dal", papersConfig(), rates, "a; b; c")
		asked(k, 30)
		k.next("a; b")
		asked(k, 1000)
		k.next("a; b; c")
		if got := asked(k, 30); got["c"] < 9 || got["c"] > 11 {
			t.Errorf("%v of 30 answers", got)
		}
	})
	t.Run("bins outlast a change of the pool", func(t *testing.T) {
		k := attend(t, "dal", papersConfig(), rates, "a; b; c")
		asked(k, 1) // a
		k.next("a reason=changed; b; c")
		if got := asked(k, 2); got["b"] != 1 || got["c"] != 1 {
			t.Errorf("%v, though a has had its turn", got)
		}
	})
}

// TestDALAndMRLOfUnknownKeys: nobody knows their hidden loads, but they must not
// all go to one server.
func TestDALAndMRLOfUnknownKeys(t *testing.T) {
	for _, name := range []string{"dal", "mrl"} {
		k := attend(t, name, papersConfig(), nil, "a; b; c cap=2")
		counts := map[string]int{}
		for i := range 400 {
			counts[k.who(k.ask(keyOf(uint32(i))))]++
		}
		if counts["a"] < 80 || counts["b"] < 80 || counts["c"] < 160 {
			t.Errorf("%s: 400 new keys got %v", name, counts)
		}
	}
}

// TestMRL prefers the server with the least work left for its capacity.
func TestMRL(t *testing.T) {
	rates := map[netip.Prefix]float64{keyOf(0): 6, keyOf(1): 3, keyOf(2): 1}
	constant := papersConfig()
	constant.TTL, constant.MinTTL = papersTTL, papersTTL
	type question struct {
		after time.Duration
		key   uint32
		want  string
	}
	for _, c := range []struct {
		name, pool string
		questions  []question
	}{
		{"answers that caches hold", "a; b; c", []question{
			{0, 0, "a"}, {0, 1, "b"}, {0, 2, "c"}, {0, 2, "c"}, {0, 1, "c"},
		}},
		{"by capacity", "a cap=2; b", []question{
			{0, 0, "a"}, {0, 1, "b"}, {0, 2, "a"},
		}},
		{"what is left of an answer counts", "a; b", []question{
			{0, 1, "a"}, {200 * time.Second, 2, "b"}, {0, 2, "b"},
		}},
		{"sessions outlast their answer", "a; b", []question{
			{0, 0, "a"}, {300 * time.Second, 2, "b"}, {0, 2, "b"}, {0, 2, "b"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := attend(t, "mrl", constant, rates, c.pool)
			for i, q := range c.questions {
				k.pass(q.after)
				if got := k.who(k.ask(keyOf(q.key))); got != q.want {
					t.Fatalf("question %d got %s, want %s", i, got, q.want)
				}
			}
		})
	}
}

// TestLeastLoadHerds: until the next report everybody goes to the same server.
// That is what the policy is there to show.
func TestLeastLoadHerds(t *testing.T) {
	k := attend(t, "least-load", papersConfig(), nil, "a load=0.5; b load=0.3; c load=0.4; d")
	for _, c := range []struct{ name, pool, want string }{
		{"least report", "a load=0.5; b load=0.3; c load=0.4; d", "b"},
		{"the next report", "a load=0.1; b load=0.8; c load=0.4; d", "a"},
		{"an alarm", "a load=0.1 warning; b load=0.8; c load=0.4; d", "c"},
		{"one that does not report counts as full", "a; b load=0.8; c; d", "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k.next(c.pool)
			for i := range 50 {
				if got := k.who(k.ask(keyOf(uint32(i)))); got != c.want {
					t.Fatalf("draw %d got %s, want %s", i, got, c.want)
				}
			}
		})
	}
}
