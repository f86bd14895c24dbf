package policy

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"
)

// keyOf is the /32 key of the i-th resolver of 10/8 and on.
func keyOf(i uint32) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24+i)
	return netip.PrefixFrom(netip.AddrFrom4(b), 32)
}

func hashPlan(pool string, answers int) *Plan {
	cfg := testConfig()
	cfg.Policy, cfg.Answers = "hash", answers
	return planOf(cfg, pool)
}

func drawIDs(p *Plan, key netip.Prefix) []string {
	c := hash{}.Draw(p, Query{Key: key})
	var ids []string
	for _, i := range c.Members[:c.N] {
		ids = append(ids, p.Members[i].Server.ID)
	}
	return ids
}

func TestHashFollowsTheShares(t *testing.T) {
	const keys = 100_000
	for _, pool := range []string{"a cap=3; b cap=1; c cap=1", "a cap=5; b cap=4; c cap=3; d cap=2; e cap=1"} {
		p := hashPlan(pool, 2)
		for _, length := range []int{24, 32} { // sequential keys, and keys that differ in high bits only
			t.Run(fmt.Sprintf("%s /%d", pool, length), func(t *testing.T) {
				first := make([]int, len(p.Members))
				for i := range uint32(keys) {
					key := netip.PrefixFrom(keyOf(i<<(32-length)).Addr(), length)
					c := hash{}.Draw(p, Query{Key: key})
					checkChoice(t, p, A, &c)
					first[c.Members[0]]++
				}
				var chi float64
				for i, m := range p.Members {
					e := m.Share * keys
					chi += (float64(first[i]) - e) * (float64(first[i]) - e) / e
					if math.Abs(float64(first[i])/keys-m.Share) > 0.01 {
						t.Errorf("%s first for %.4f of keys, want %.4f", m.Server.ID, float64(first[i])/keys, m.Share)
					}
				}
				if limit := chiLimit(len(first) - 1); chi > limit {
					t.Errorf("chi-square %.1f, above %.1f", chi, limit)
				}
			})
		}
	}
}

func TestHashMovesOnlyTheLeaversKeys(t *testing.T) {
	before := hashPlan("a cap=3; b; c; d cap=2; e", 1)
	after := hashPlan("a cap=3; b; c critical; d cap=2; e", 1)
	gone := hashPlan("a cap=3; b; d cap=2; e", 1)
	moved := map[string]int{}
	for i := range uint32(20_000) {
		was, is := drawIDs(before, keyOf(i))[0], drawIDs(after, keyOf(i))[0]
		if was != "c" && is != was {
			t.Fatalf("key %d moved from %s to %s when c left", i, was, is)
		}
		if was == "c" {
			moved[is]++
		}
		if other := drawIDs(gone, keyOf(i))[0]; other != is {
			t.Fatalf("key %d: %s with c critical, %s with c gone", i, is, other)
		}
	}
	if len(moved) != 4 {
		t.Errorf("the leaver's keys went to %v, not to all others", moved)
	}
}

func TestHashMovesOnlyToTheHeavier(t *testing.T) {
	before := hashPlan("a; b; c", 1)
	after := hashPlan("a cap=2; b; c", 1)
	n := 0
	for i := range uint32(20_000) {
		was, is := drawIDs(before, keyOf(i))[0], drawIDs(after, keyOf(i))[0]
		if was != is {
			n++
			if is != "a" {
				t.Fatalf("key %d moved from %s to %s when a got heavier", i, was, is)
			}
		}
	}
	if got := float64(n) / 20_000; math.Abs(got-1./6) > 0.01 { // from 1/3 to 1/2
		t.Errorf("%.3f of keys moved, want 1/6", got)
	}
}

// With two answers, the first of a leaver's key is its former second.
func TestHashPromotesTheSecond(t *testing.T) {
	before, after := hashPlan("a; b; c; d", 2), hashPlan("a; b critical; c; d", 2)
	for i := range uint32(5_000) {
		was, is := drawIDs(before, keyOf(i)), drawIDs(after, keyOf(i))
		if was[0] == "b" && is[0] != was[1] {
			t.Fatalf("key %d: %v, then %v", i, was, is)
		}
	}
}

func TestHashKeys(t *testing.T) {
	cfg := testConfig()
	cfg.Policy, cfg.Sticky = "hash", [2]int{24, 56}
	p := planOf(cfg, "a; b; c; d; e; f; g; h")
	for _, c := range []struct {
		name  string
		key   string
		scope int
		same  string // another key that gets the same answer
	}{
		{"IPv4 address", "203.0.113.7/32", 24, "203.0.113.200/32"},
		{"IPv4 prefix", "203.0.113.0/24", 24, "203.0.113.9/24"},
		{"short prefix", "203.0.0.0/16", 16, "203.0.113.9/16"},
		{"IPv6 address", "2001:db8:1:2:3::4/128", 56, "2001:db8:1:3::/128"},
		{"IPv4 in IPv6", "::ffff:203.0.113.7/128", 24, "203.0.113.200/32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hash{}.Draw(p, Query{Key: netip.MustParsePrefix(c.key), Random: 1})
			if !got.Keyed || got.Scope != c.scope {
				t.Errorf("keyed %v, scope %d; want %d", got.Keyed, got.Scope, c.scope)
			}
			if same := (hash{}).Draw(p, Query{Key: netip.MustParsePrefix(c.same), Random: 2}); same != got {
				t.Errorf("%s gets %v, %s gets %v", c.key, got.Members[:got.N], c.same, same.Members[:same.N])
			}
		})
	}
}

func TestHashWithoutKeyIsRandom(t *testing.T) {
	off := testConfig()
	off.Policy, off.Sticky = "hash", [2]int{-1, -1}
	for _, c := range []struct {
		name string
		cfg  Config
		key  netip.Prefix
	}{
		{"no key", testConfig(), netip.Prefix{}},
		{"ECS of length 0", testConfig(), netip.MustParsePrefix("0.0.0.0/0")},
		{"sticky off", off, keyOf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planOf(c.cfg, "a; b; c")
			random, seen := fixedRandom(1), map[uint16]bool{}
			for range 100 {
				choice := hash{}.Draw(p, Query{Key: c.key, Random: random()})
				if choice.Keyed || choice.Scope != 0 {
					t.Fatalf("keyed %v, scope %d", choice.Keyed, choice.Scope)
				}
				seen[choice.Members[0]] = true
			}
			if len(seen) != 3 {
				t.Errorf("100 draws met only %d of 3 servers", len(seen))
			}
		})
	}
}

// Name servers of different builds must agree, so this must never change.
func TestHashIsTheSameEverywhere(t *testing.T) {
	p := hashPlan("a; b; c; d; e", 1)
	var got string
	for i := range uint32(20) {
		got += drawIDs(p, keyOf(i))[0]
	}
	if want := "deaceeddddbbaabcbacc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
