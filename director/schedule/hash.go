package schedule

import (
	"encoding/binary"
	"math/bits"
)

// mixer is the first multiplier of MurmurHash3's fmix64 (Austin Appleby, public
// domain).
const mixer = 0xff51afd7ed558ccd

// mix takes a word into a hash:
//
//	h = (h ^ w) * 0xff51afd7ed558ccd
//	h ^= h >> 32
func mix(h, w uint64) uint64 {
	h = (h ^ w) * mixer
	return h ^ h>>32
}

// Hash is the hash of a client by which sh (port 0) and maglev choose a slot:
// Slots[Hash % len(Slots)]. The datapath computes the same, in 64-bit unsigned
// arithmetic that wraps:
//
//	mix(h, w):  h = (h ^ w) * 0xff51afd7ed558ccd;  h ^= h >> 32;  return h
//
//	h = seed
//	h = mix(h, bytes 0..7 of the address as a little-endian number)
//	h = mix(h, bytes 8..15 of the address as a little-endian number)
//	h = mix(h, port in host order)
//	return the low 32 bits of h ^ (h >> 29)
//
// An IPv4 address is ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
func Hash(client [16]byte, port uint16, seed uint64) uint32 {
	h := mix(seed, binary.LittleEndian.Uint64(client[:8]))
	h = mix(h, binary.LittleEndian.Uint64(client[8:]))
	h = mix(h, uint64(port))
	return uint32(h ^ h>>29)
}

// splitmix32 is the bijection by which draws follow from one random number:
//
//	x += 0x9e3779b9
//	x ^= x >> 16;  x *= 0x85ebca6b
//	x ^= x >> 13;  x *= 0xc2b2ae35
//	x ^= x >> 16
func splitmix32(x uint32) uint32 {
	x += 0x9e3779b9
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}

// hashKey is a hash of a member's key. It stays in the control plane: the
// datapath sees only the tables that follow from it.
func hashKey(key string, seed uint64) uint64 {
	h := mix(seed, uint64(len(key)))
	for len(key) > 0 {
		var word [8]byte
		n := copy(word[:], key)
		key = key[n:]
		h = bits.RotateLeft64(mix(h, binary.LittleEndian.Uint64(word[:])), 29)
	}
	return mix(mix(h, mixer), h)
}
