package hidden

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Key is a resolver key as the store keeps it: without pointers, and by family
// of the addresses that are asked for, since a resolver caches each by itself.
type Key struct {
	high, low uint64
	bits      uint8 // of the prefix, as of an IPv6 one
	family    uint8
}

// KeyOf makes a store's key; ok is false for a prefix that says nothing of whom
// the answer goes to.
func KeyOf(p netip.Prefix, family uint8) (k Key, ok bool) {
	if !p.IsValid() || p.Bits() == 0 {
		return Key{}, false
	}
	addr, length := p.Addr(), p.Bits()
	if addr.Is4() {
		length += 96
	}
	b := addr.As16()
	k = Key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), uint8(length), family}
	k.mask()
	return k, true
}

// mask clears what is beyond the prefix.
func (k *Key) mask() {
	switch {
	case k.bits <= 64:
		k.high &= ^uint64(0) << (64 - k.bits)
		k.low = 0
	case k.bits < 128:
		k.low &= ^uint64(0) << (128 - k.bits)
	}
}

// Prefix is the key as it was given, an IPv4 one as such.
func (k Key) Prefix() netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.high)
	binary.BigEndian.PutUint64(b[8:], k.low)
	addr, length := netip.AddrFrom16(b), int(k.bits)
	if addr.Is4In6() {
		addr, length = addr.Unmap(), length-96
	}
	return netip.PrefixFrom(addr, length)
}

// hash spreads keys over shards and places. Seeded, so that nobody outside can
// choose addresses that meet.
func (k Key) hash(seed uint64) uint64 {
	hi, lo := bits.Mul64(k.high^seed^0x9e3779b97f4a7c15, k.low^uint64(k.bits)<<8^uint64(k.family)^0xbf58476d1ce4e5b9)
	x := hi ^ lo ^ bits.RotateLeft64(k.low, 31) ^ k.high
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
