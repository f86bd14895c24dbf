package schedule

import (
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"testing"
)

// Fixed values: the datapath, and the directors of other versions, agree on
// them.
func TestHash(t *testing.T) {
	for _, c := range []struct {
		client string
		port   uint16
		seed   uint64
		want   uint32
	}{
		{"203.0.113.7", 0, 0, 0xb0be86ea},
		{"203.0.113.7", 51000, 0, 0xd125a907},
		{"203.0.113.7", 51000, 0x5eed, 0x58488e06},
		{"2001:db8::7", 51000, 0x5eed, 0x4b7f3e1a},
		{"::", 0, 0, 0x000000},
	} {
		if got := Hash(netip.MustParseAddr(c.client).As16(), c.port, c.seed); got != c.want {
			t.Errorf("%s port %d seed %#x: %#08x, want %#08x", c.client, c.port, c.seed, got, c.want)
		}
	}
}

func TestSplitmix32(t *testing.T) {
	for x, want := range map[uint32]uint32{0: 0x92ca2f0e, 1: 0x96a0f96b, math.MaxUint32: 0x36deb503} {
		if got := splitmix32(x); got != want {
			t.Errorf("splitmix32(%#x) = %#08x, want %#08x", x, got, want)
		}
	}
}

// Clients that are neighbours, as behind one network, spread over the slots.
func TestHashSpreads(t *testing.T) {
	const slots, clients = 251, 251 * 40
	for _, c := range []struct {
		name   string
		client func(i int) (string, uint16)
	}{
		{"addresses of one network", func(i int) (string, uint16) { return fmt.Sprintf("10.0.%d.%d", i>>8, i&255), 0 }},
		{"addresses that end alike", func(i int) (string, uint16) { return fmt.Sprintf("10.%d.%d.1", i>>8, i&255), 0 }},
		{"IPv6 addresses of one network", func(i int) (string, uint16) { return fmt.Sprintf("2001:db8::%x", i+1), 0 }},
		{"IPv6 networks", func(i int) (string, uint16) { return fmt.Sprintf("2001:db8:%x::1", i), 0 }},
		{"ports of one client", func(i int) (string, uint16) { return "10.0.0.1", uint16(1024 + i) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var counts [slots]float64
			for i := range clients {
				addr, port := c.client(i)
				counts[Hash(netip.MustParseAddr(addr).As16(), port, seed)%slots]++
			}
			chi := 0.0
			for _, n := range counts {
				chi += (n - 40) * (n - 40) / 40
			}
			// Chi square with 250 degrees of freedom: mean 250, deviation sqrt(500).
			if z := (chi - 250) / math.Sqrt(500); z > 5 {
				t.Errorf("chi square %.0f is %.1f deviations too uneven", chi, z)
			}
		})
	}
}

// Each bit of address, port and seed changes half the bits of the hash or so.
func TestHashAvalanche(t *testing.T) {
	var client [16]byte
	flips := func(change func(c *[16]byte, port *uint16, seed *uint64)) float64 {
		sum := 0
		for i := range 64 {
			client = netip.MustParseAddr(fmt.Sprintf("::ffff:203.0.113.%d", i)).As16()
			port, s := uint16(40000+i), uint64(seed)
			before := Hash(client, port, s)
			change(&client, &port, &s)
			sum += bits.OnesCount32(before ^ Hash(client, port, s))
		}
		return float64(sum) / 64
	}
	for bit := range 128 {
		if got := flips(func(c *[16]byte, _ *uint16, _ *uint64) { c[bit/8] ^= 1 << (bit % 8) }); got < 6 {
			t.Errorf("bit %d of the address changes %.1f bits", bit, got)
		}
	}
	for bit := range 16 {
		if got := flips(func(_ *[16]byte, p *uint16, _ *uint64) { *p ^= 1 << bit }); got < 6 {
			t.Errorf("bit %d of the port changes %.1f bits", bit, got)
		}
	}
	for bit := range 64 {
		if got := flips(func(_ *[16]byte, _ *uint16, s *uint64) { *s ^= 1 << bit }); got < 6 {
			t.Errorf("bit %d of the seed changes %.1f bits", bit, got)
		}
	}
}
