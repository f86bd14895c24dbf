package hidden

import (
	"net/netip"
	"testing"
)

func TestKey(t *testing.T) {
	for _, c := range []struct{ name, prefix, want string }{
		{"an IPv4 address", "192.0.2.53/32", "192.0.2.53/32"},
		{"an IPv6 address", "2001:db8::53/128", "2001:db8::53/128"},
		{"an IPv4 prefix", "198.51.100.0/24", "198.51.100.0/24"},
		{"an IPv6 prefix", "2001:db8:1::/48", "2001:db8:1::/48"},
		{"a short IPv4 prefix", "128.0.0.0/1", "128.0.0.0/1"},
		{"a short IPv6 prefix", "2000::/3", "2000::/3"},
		{"half an IPv6 address", "2001:db8:0:1::/64", "2001:db8:0:1::/64"},
		{"a bit more", "2001:db8:0:1:8000::/65", "2001:db8:0:1:8000::/65"},
		{"bits beyond an IPv4 prefix", "198.51.100.77/24", "198.51.100.0/24"},
		{"bits beyond an IPv6 prefix", "2001:db8:1:2::3/48", "2001:db8:1::/48"},
		{"bits beyond a long IPv6 prefix", "2001:db8::ff/124", "2001:db8::f0/124"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, ok := KeyOf(netip.MustParsePrefix(c.prefix), 1)
			if got := k.Prefix(); !ok || got != netip.MustParsePrefix(c.want) {
				t.Errorf("%s became %v, want %s", c.prefix, got, c.want)
			}
			again, _ := KeyOf(k.Prefix(), 1)
			if again != k {
				t.Errorf("%+v became %+v", k, again)
			}
			if other, _ := KeyOf(k.Prefix(), 0); other == k {
				t.Error("the other family is the same key")
			}
		})
	}
	for name, p := range map[string]netip.Prefix{
		"none": {}, "every IPv4 address": netip.MustParsePrefix("0.0.0.0/0"), "every IPv6 address": netip.MustParsePrefix("::/0"),
	} {
		if _, ok := KeyOf(p, 0); ok {
			t.Errorf("%s is a key", name)
		}
	}
}

// TestKeysAreSpread over shards, under each seed otherwise.
func TestKeysAreSpread(t *testing.T) {
	var counts [2][shards]int
	same := 0
	for i := range 6400 {
		k := keyOf(t, i)
		a, b := k.hash(1)%shards, k.hash(2)%shards
		counts[0][a]++
		counts[1][b]++
		if a == b {
			same++
		}
	}
	for _, of := range counts {
		for shard, n := range of {
			if n < 50 || n > 160 {
				t.Errorf("%d of 6400 keys are in shard %d", n, shard)
			}
		}
	}
	if same > 200 {
		t.Errorf("%d of 6400 keys are in the same shard under another seed", same)
	}
}
