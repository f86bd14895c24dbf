package policy

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"
)

// heavy and light are keys above and below the mean of the papers' model.
var heavy, light = keyOf(0), keyOf(papersKeys - 1)

func TestRR(t *testing.T) {
	k := attend(t, "rr", papersConfig(), nil, "a cap=5; b; c")
	if got := k.asked(7, heavy); got != "a b c a b c a" {
		t.Errorf("got %s", got)
	}
	k.next("a; b critical; c; d")
	if got := k.asked(4, light); got != "c d a c" {
		t.Errorf("after a change of the pool: got %s", got)
	}
}

func TestRR2(t *testing.T) {
	t.Run("each tier has its turn, the second half a round away", func(t *testing.T) {
		k := attend(t, "rr2", papersConfig(), papersRates(), "a; b; c; d; e; f; g")
		if got := k.asked(3, light); got != "a b c" {
			t.Errorf("normal keys get %s", got)
		}
		if got := k.asked(5, heavy); got != "d e f g a" {
			t.Errorf("hot keys get %s", got)
		}
		if got := k.asked(5, light); got != "d e f g a" {
			t.Errorf("normal keys go on with %s", got)
		}
	})
	t.Run("hot is above 1/K", func(t *testing.T) {
		k := attend(t, "rr2", papersConfig(), papersRates(), "a; b; c; d; e; f; g")
		for rank := range papersKeys {
			k.asked(1, keyOf(uint32(rank)))
		}
		pol := k.policy.(*published)
		if c := pol.keys.Census(); c.HotKeys != 5 {
			t.Errorf("%d hot keys, want 5", c.HotKeys)
		}
		// 5 turns from d and 15 from a on.
		if got := pol.pick.(*turns).last; got != [2]string{"a", "a"} {
			t.Errorf("last of the tiers: %v", got)
		}
	})
	t.Run("an answer of two takes two of the turn", func(t *testing.T) {
		cfg := papersConfig()
		cfg.Answers = 2
		k := attend(t, "rr2", cfg, papersRates(), "a; b; c")
		if got := k.asked(4, light); got != "a c b a" {
			t.Errorf("first ones are %s", got)
		}
	})
}

// TestPRR2 accepts server i with probability C(i)/C(largest), so that shares are
// those of the capacity.
func TestPRR2(t *testing.T) {
	for gap, capacities := range papersCapacities {
		for _, name := range []string{"prr2-ttl1", "prr2-ttl2", "prr2-ttlk"} {
			t.Run(fmt.Sprintf("%s/%d%%", name, gap), func(t *testing.T) {
				k := attend(t, name, papersConfig(), papersRates(), poolOf(capacities))
				const draws = 3000
				counts := map[string]int{}
				for i := range draws {
					k.now = k.now.Add(10 * time.Second)
					counts[k.who(k.ask(keyOf(uint32(i%papersKeys))))]++
				}
				for i := range k.plan.Members {
					m := &k.plan.Members[i]
					got, want := float64(counts[m.Server.ID])/draws, m.Share
					if math.Abs(got-want) > 0.025 {
						t.Errorf("%s has %.3f of the draws, want %.3f", m.Server.ID, got, want)
					}
				}
			})
		}
	}
}

// TestDRR2 accepts every server: it is the TTL that knows the capacity.
func TestDRR2(t *testing.T) {
	for _, name := range []string{"drr2-ttls1", "drr2-ttls2", "drr2-ttlsk"} {
		k := attend(t, name, papersConfig(), papersRates(), poolOf(papersCapacities[65]))
		if got := k.asked(8, light); got != "a b c d e f g a" {
			t.Errorf("%s: normal keys get %s", name, got)
		}
		if got := k.asked(8, heavy); got != "d e f g a b c d" {
			t.Errorf("%s: hot keys get %s", name, got)
		}
	}
}

// span of TTLs that a key is given, over all servers.
type ttlRange struct{ least, most time.Duration }

// ttlsOf draws for every key until it has met every server. mean is the average
// TTL of each key, in seconds.
func ttlsOf(k *class) (all ttlRange, mean map[netip.Prefix]float64) {
	all.least, mean = math.MaxInt64, map[netip.Prefix]float64{}
	rounds := len(k.plan.Members)
	for rank := range papersKeys {
		key := keyOf(uint32(rank))
		for range rounds {
			k.now = k.now.Add(time.Hour)
			ttl := k.ask(key).TTL
			all.least, all.most = min(all.least, ttl), max(all.most, ttl)
			mean[key] += ttl.Seconds() / float64(rounds)
		}
	}
	return all, mean
}

// TestAdaptiveTTL compares with the figures that follow from the papers' model:
// the TTLs of the heaviest key at the smallest server, and of the lightest one
// at the largest.
func TestAdaptiveTTL(t *testing.T) {
	for _, c := range []struct {
		name        string
		gap         int // between the servers' capacities, in percent
		least, most int // s
	}{
		{"prr2-ttl1", 20, 240, 240},
		{"prr2-ttl1", 65, 240, 240},
		{"prr2-ttl2", 20, 97, 506},
		{"prr2-ttl2", 65, 97, 506},
		{"prr2-ttlk", 20, 45, 893},
		{"prr2-ttlk", 65, 45, 893},
		{"drr2-ttlsk", 20, 41, 1008},
		{"drr2-ttlsk", 35, 37, 1126},
		{"drr2-ttlsk", 50, 31, 1226},
		{"drr2-ttlsk", 65, 24, 1344},
		// S_1 and S_2 are T C(i)/C(least) over the mean of C/C(least).
		{"drr2-ttls1", 20, 217, 271},
		{"drr2-ttls1", 65, 126, 361},
		{"drr2-ttls2", 20, 87, 571},
		{"drr2-ttls2", 65, 51, 761},
	} {
		t.Run(fmt.Sprintf("%s/%d%%", c.name, c.gap), func(t *testing.T) {
			k := attend(t, c.name, papersConfig(), papersRates(), poolOf(papersCapacities[c.gap]))
			all, mean := ttlsOf(k)
			want := ttlRange{time.Duration(c.least) * time.Second, time.Duration(c.most) * time.Second}
			if (all.least-want.least).Abs() > time.Second || (all.most-want.most).Abs() > time.Second {
				t.Errorf("TTLs of %v to %v, want %v to %v", all.least, all.most, want.least, want.most)
			}
			checkFairScaling(t, mean)
		})
	}
}

// checkFairScaling: questions come as often as under the constant TTL.
func checkFairScaling(t *testing.T, mean map[netip.Prefix]float64) {
	t.Helper()
	var got, want float64
	for key, rate := range papersRates() {
		got += 1 / (mean[key] + 1/rate)
		want += 1 / (papersTTL.Seconds() + 1/rate)
	}
	if math.Abs(got/want-1) > 0.01 {
		t.Errorf("%.4f questions a second, want %.4f", got, want)
	}
}

func TestAdaptiveTTLIsClipped(t *testing.T) {
	cfg := papersConfig()
	cfg.MinTTL, cfg.TTL = 60*time.Second, 600*time.Second
	for _, name := range []string{"prr2-ttlk", "drr2-ttlsk"} {
		all, _ := ttlsOf(attend(t, name, cfg, papersRates(), poolOf(papersCapacities[35])))
		if all.least != cfg.MinTTL || all.most != cfg.TTL {
			t.Errorf("%s: TTLs of %v to %v, want %v to %v", name, all.least, all.most, cfg.MinTTL, cfg.TTL)
		}
	}
}

// TestTTLOfUnknownKeys is the mean, whatever the shape.
func TestTTLOfUnknownKeys(t *testing.T) {
	for _, name := range []string{"prr2-ttl1", "prr2-ttl2", "prr2-ttlk"} {
		k := attend(t, name, papersConfig(), nil, "a; b; c")
		if c := k.ask(heavy); c.TTL != papersTTL {
			t.Errorf("%s: TTL %v, want %v", name, c.TTL, papersTTL)
		}
	}
}
