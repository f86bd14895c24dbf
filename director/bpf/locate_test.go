package bpf_test

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// What Locate computes is where the datapath puts entries.
func TestLocate(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		for _, n := range []uint32{1, 16, bpftest.Buckets} {
			w.buckets(n)
			for port := range uint16(20) {
				d := w.first(w.syn(40000+port, 80))
				f, ok := w.Find(w.TB, d.key())
				if !ok {
					if n > 1 { // one bucket is soon full
						w.Errorf("port %d: not found in %d buckets", port, n)
					}
					continue
				}
				home := bpf.Locate(1, n, d.key().Tuple())
				entry := home.Entry(bpf.HandleOf(f.ID, false))
				all := w.AllBuckets(w.TB)
				in := func(b bpf.Bucket) bool {
					for _, e := range b.Entries {
						if e == entry {
							return true
						}
					}
					return false
				}
				if home.First >= n || home.Second >= n || !in(all[home.First]) && !in(all[home.Second]) {
					w.Errorf("port %d: no entry %#x in %+v of %d", port, entry, home, n)
				}
				w.end(d.key())
			}
		}
	})
}

// Tuples spread as if by chance, whatever is alike in them: of 65,536 buckets
// with 4 entries in the mean about one in 10,000 has more than it has room for.
func TestSpread(t *testing.T) {
	const tuples, buckets = 1 << 18, 1 << 16
	v4 := func(i uint32) [16]byte {
		return netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}).As16()
	}
	v6 := func(i uint32) [16]byte {
		return [16]byte{0x20, 1, 0xd, 0xb8, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i), 15: 1}
	}
	for name, tuple := range map[string]func(i uint32) bpf.Tuple{
		"many clients of IPv4": func(i uint32) bpf.Tuple { return bpf.Tuple{Saddr: v4(i), Daddr: v4(1), Sport: 1, Dport: 80, Proto: 6} },
		"many clients of IPv6": func(i uint32) bpf.Tuple { return bpf.Tuple{Saddr: v6(i), Daddr: v6(1), Sport: 1, Dport: 80, Proto: 6} },
		"ports of few clients": func(i uint32) bpf.Tuple {
			return bpf.Tuple{Saddr: v4(i >> 16), Daddr: v4(1), Sport: uint16(i), Dport: 80, Proto: 6}
		},
		"source ports of fullnat": func(i uint32) bpf.Tuple {
			return bpf.Tuple{Saddr: v6(i >> 16), Daddr: v6(1), Sport: 80, Dport: uint16(i), Proto: 6}
		},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := make([]int, buckets), make([]int, buckets)
			for i := range uint32(tuples) {
				home := bpf.Locate(0x1234567890abcdef, buckets, tuple(i))
				first[home.First]++
				second[home.Second]++
			}
			for which, fill := range [][]int{first, second} {
				over := 0
				for _, n := range fill {
					over += max(0, n-bpf.Entries)
				}
				if over > 50 {
					t.Errorf("%d tuples find no room in bucket %d", over, which)
				}
			}
		})
	}
}
