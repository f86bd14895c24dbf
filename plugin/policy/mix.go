package policy

import "math/bits"

// golden is 2^64 over the golden ratio, the step of SplitMix64: successive
// arguments of mix give independent numbers.
const golden = 0x9e3779b97f4a7c15

// mix is SplitMix64 (Steele, Lea and Flood 2014): every bit of the argument
// changes every bit of the result with probability one half.
func mix(x uint64) uint64 {
	x = x*golden + golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uniform maps 64 random bits to [0, 1).
func uniform(x uint64) float64 { return float64(x>>11) * 0x1p-53 }

// hashString is FNV-1a, mixed. It is the same on every name server.
func hashString(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}

// hashPair hashes 128 bits.
func hashPair(high, low, seed uint64) uint64 {
	a, b := bits.Mul64(mix(high+seed)^golden, mix(low^seed)|1)
	return mix(a ^ b)
}
