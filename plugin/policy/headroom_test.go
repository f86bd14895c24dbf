package policy

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// roomConfig is of one answer with TTLs from 30 to 600 s.
func roomConfig() Config {
	return Config{Answers: 1, TTL: 600 * time.Second, MinTTL: 30 * time.Second, Ramp: NoRamp}
}

// settledClass attends headroom with known rates, and skips the short TTLs of
// the start.
func settledClass(t *testing.T, cfg Config, rates map[netip.Prefix]float64, pool string) (*class, *headroom) {
	t.Helper()
	k := attend(t, "headroom", cfg, rates, pool)
	k.now = k.now.Add(61 * time.Second)
	return k, k.policy.(*headroom)
}

// halves are two keys of half of the demand each; fifths are five.
var (
	halves = map[netip.Prefix]float64{keyOf(0): 1, keyOf(1): 1}
	fifths = map[netip.Prefix]float64{keyOf(0): 1, keyOf(1): 1, keyOf(2): 1, keyOf(3): 1, keyOf(4): 1}
)

func TestServerThatBearsTheKeyLongest(t *testing.T) {
	t.Run("the largest first, then whoever was told least", func(t *testing.T) {
		k, _ := settledClass(t, roomConfig(), fifths, "a; b cap=3; c")
		var got []string
		for i := range 5 {
			got = append(got, k.who(k.ask(keyOf(uint32(i)))))
		}
		if slices.Sort(got); !slices.Equal(got, []string{"a", "b", "b", "b", "c"}) {
			t.Errorf("five keys went to %v", got)
		}
	})
	t.Run("its TTL is that time", func(t *testing.T) {
		k, h := settledClass(t, roomConfig(), halves, "a cap=3; b")
		c := k.ask(keyOf(0))
		// Room is 0.75 delta, and half of the demand would add 0.5 x 0.25.
		want := -300 * math.Log(1-0.75*h.servo.tolerance/(0.5*0.25))
		if got := c.TTL.Seconds(); k.who(c) != "a" || got > want || got < want/1.25 {
			t.Errorf("%s for %v s, want a for at most %.0f s", k.who(c), got, want)
		}
	})
	t.Run("of two answers the second bounds it", func(t *testing.T) {
		cfg := roomConfig()
		cfg.Answers = 2
		k, h := settledClass(t, cfg, halves, "a cap=3; b")
		c := k.ask(keyOf(0))
		// a will have a quarter of the demand instead of 0.5 x 0.75 of it: it
		// bears that for ever. b will have a quarter instead of 0.5 x 0.25.
		want := -300 * math.Log(1-0.25*h.servo.tolerance/(0.25-0.125))
		if got := c.TTL.Seconds(); got > want || got < want/1.25 {
			t.Errorf("%v s, want at most %.0f s", got, want)
		}
	})
	t.Run("a light key is no matter", func(t *testing.T) {
		k, _ := settledClass(t, roomConfig(), map[netip.Prefix]float64{keyOf(0): 1000, keyOf(1): 1}, "a; b")
		if c := k.ask(keyOf(1)); c.TTL != k.cfg.TTL {
			t.Errorf("TTL %v, want the record's %v", c.TTL, k.cfg.TTL)
		}
	})
	t.Run("nobody has room: the least loaded, for min-ttl", func(t *testing.T) {
		k, _ := settledClass(t, roomConfig(), map[netip.Prefix]float64{keyOf(0): 1}, "a; b cap=1.2; c; d; e; f; g; h")
		if c := k.ask(keyOf(0)); k.who(c) != "b" || c.TTL != k.cfg.MinTTL {
			t.Errorf("%s for %v", k.who(c), c.TTL)
		}
	})
}

// TestTTLsAreFew lets signatures be reused.
func TestTTLsAreFew(t *testing.T) {
	cfg := roomConfig()
	cfg.Answers = 2
	k := attend(t, "headroom", cfg, papersRates(), poolOf(papersCapacities[50]))
	grid := k.policy.(*headroom).grid
	seen := map[float64]bool{}
	for i := range 600 {
		k.pass(3 * time.Second)
		ttl := k.ask(keyOf(uint32(i % papersKeys))).TTL.Seconds()
		if seen[ttl] = true; !slices.Contains(grid, ttl) {
			t.Fatalf("TTL %v is none of %v", ttl, grid)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only TTLs %v were given", seen)
	}
}

func TestRepeatedQuestions(t *testing.T) {
	for _, answers := range []int{1, 2, 3, 6} {
		for _, stable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d answers, stable %v", answers, stable), func(t *testing.T) {
				cfg := roomConfig()
				cfg.Answers = answers
				k, _ := settledClass(t, cfg, papersRates(), "a; b cap=2; c; d cap=3; e; f; g; h")
				differs := 0
				for i := range 40 {
					k.now = k.now.Add(time.Minute)
					q := Query{Key: keyOf(uint32(i % 5)), Now: k.now, Random: k.random(), Stable: stable}
					first := k.policy.Draw(k.plan, q)
					q.Now, q.Random = k.now.Add(900*time.Millisecond), k.random()
					again := k.policy.Draw(k.plan, q)
					checkChoice(t, k.plan, A, &again)
					if stable && !slices.IsSorted(again.Members[:again.N]) {
						t.Fatalf("repeated %v, not in ID order", again.Members[:again.N])
					}
					if first.Members != again.Members || first.TTL != again.TTL {
						differs++
					}
				}
				// Of larger answers not all is remembered: they are made anew.
				if differs > 0 && answers <= hidden.MaxServers {
					t.Errorf("%d of 40 were not the same", differs)
				}
			})
		}
	}
}

func TestRepeatedQuestionsWhenTheServerIsGone(t *testing.T) {
	k, _ := settledClass(t, roomConfig(), halves, "a cap=3; b")
	if got := k.who(k.ask(keyOf(0))); got != "a" {
		t.Fatalf("got %s", got)
	}
	k.next("a cap=3 critical; b")
	k.now = k.now.Add(500 * time.Millisecond)
	if got := k.who(k.ask(keyOf(0))); got != "b" {
		t.Errorf("got %s, want b", got)
	}
}

// TestNewKeys are drawn by weight, for the mean TTL.
func TestNewKeys(t *testing.T) {
	cfg := roomConfig()
	cfg.MeanTTL = 100 * time.Second
	k, _ := settledClass(t, cfg, nil, "a; b cap=2; c cap=5")
	const draws = 4000
	counts := map[string]float64{}
	for i := range draws {
		c := k.ask(keyOf(uint32(i)))
		if c.TTL != 90*time.Second || !c.Keyed || c.Scope != 32 {
			t.Fatalf("%+v, want 90 s of the grid, keyed", c)
		}
		counts[k.who(c)] += 1. / draws
	}
	for i := range k.plan.Members {
		m := &k.plan.Members[i]
		if got := counts[m.Server.ID]; math.Abs(got-m.Share) > 0.03 {
			t.Errorf("%s: %.3f, want %.3f", m.Server.ID, got, m.Share)
		}
	}
}

// TestRestart: for a minute little is known, and TTLs are short.
func TestRestart(t *testing.T) {
	light := map[netip.Prefix]float64{keyOf(0): 1000, keyOf(1): 1}
	k := attend(t, "headroom", roomConfig(), light, "a; b")
	for _, c := range []struct {
		at   float64 // s
		want time.Duration
	}{{1, 30 * time.Second}, {59, 30 * time.Second}, {61, 600 * time.Second}} {
		k.now = at(c.at)
		if got := k.ask(keyOf(1)).TTL; got != c.want {
			t.Errorf("%v s after the start TTL %v, want %v", c.at, got, c.want)
		}
		if got := k.ask(keyOf(99)).TTL; got != min(c.want, k.plan.Config.MeanTTL) && c.want == 30*time.Second {
			t.Errorf("%v s after the start a new key has TTL %v", c.at, got)
		}
	}
}

// TestLittleIsKnown: a key that has asked but a few times is not tied for long.
func TestLittleIsKnown(t *testing.T) {
	cfg := roomConfig()
	cfg.MeanTTL = 60 * time.Second
	k, _ := settledClass(t, cfg, nil, "a; b; c; d")
	// 40 busy resolvers, and one that is hardly used.
	var ttls []time.Duration
	next := map[uint32]time.Time{}
	for range 3000 {
		k.pass(time.Second)
		for i := range uint32(41) {
			if k.now.Before(next[i]) {
				continue
			}
			ttl, idle := k.ask(keyOf(i)).TTL, 10.0
			if i == 0 {
				ttls, idle = append(ttls, ttl), 120
			}
			next[i] = k.now.Add(ttl + time.Duration(-math.Log(1-uniform(k.random()))*idle*float64(time.Second)))
		}
	}
	for i, ttl := range ttls {
		if ttl > cfg.MeanTTL*time.Duration(i+1) {
			t.Errorf("answer %d has TTL %v after %d gaps", i, ttl, i)
		}
	}
	if len(ttls) < 6 || slices.Max(ttls) < 5*cfg.MeanTTL {
		t.Errorf("TTLs %v, want them to grow from the mean", ttls)
	}
}

func TestKeysOfNobody(t *testing.T) {
	k, _ := settledClass(t, roomConfig(), nil, "a; b")
	c := k.policy.Draw(k.plan, Query{Now: k.now, Random: 5})
	if c.N != 1 || c.Keyed {
		t.Errorf("without a key: %+v", c)
	}
	c = k.policy.Draw(k.plan, Query{Family: SRV, Key: keyOf(1), Now: k.now, Random: 5})
	if c.N != 2 || c.Keyed || c.TTL != k.plan.TTL {
		t.Errorf("SRV: %+v", c)
	}
}
