// Package cookie is a CoreDNS plugin for DNS cookies (RFC 7873), with server
// cookies that other programs of the same secret understand (RFC 9018).
// README.md is its manual.
//
// This file is the arithmetic: secrets, a cookie and the time in, a verdict and
// a cookie out.
package cookie

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"
)

// The parts of a COOKIE option (RFC 7873 section 4).
const (
	clientLen    = 8
	serverLen    = 16 // of ours (RFC 9018 section 4); 8 to 32 are allowed
	fullLen      = clientLen + serverLen
	minServerLen = 8
	maxServerLen = 32
	maxLen       = clientLen + maxServerLen
)

// version of the server cookies of RFC 9018.
const version = 1

// How long a server cookie is good for, in seconds (RFC 9018 section 4.3).
const (
	lifetime   = 3600
	renewAfter = lifetime / 2
	ahead      = 300 // of our clock
)

// secret is a key of SipHash-2-4.
type secret struct{ k0, k1 uint64 }

func newSecret(key [16]byte) secret {
	return secret{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// ring are the secrets: the first makes cookies, all verify them, so that a
// secret can be exchanged on one server after the other.
type ring []secret

// verdict is what a query's COOKIE option is.
type verdict uint8

// The verdicts.
const (
	malformed verdict = iota // no length that RFC 7873 allows
	fresh                    // a client cookie alone: the client's first query
	invalid                  // not of ours, not the client's, or too old
	valid
	aging // valid, and to be replaced
	verdicts
)

// proven tells that the client gets what is sent to its address.
func (v verdict) proven() bool { return v == valid || v == aging }

// judge looks at the COOKIE option of a query from addr.
func (r ring) judge(option []byte, addr netip.Addr, now uint32) verdict {
	switch n := len(option) - clientLen; {
	case n == 0:
		return fresh
	case n < minServerLen || n > maxServerLen:
		return malformed
	case n != serverLen || option[clientLen] != version:
		return invalid // of somebody else
	}
	// Serial number arithmetic (RFC 1982): the time in a cookie has 32 bits.
	age := int32(now - binary.BigEndian.Uint32(option[clientLen+4:]))
	if age > lifetime || age < -ahead {
		return invalid
	}
	for i, s := range r {
		want := s.sign([16]byte(option[:16]), addr)
		if subtle.ConstantTimeCompare(want[:], option[16:]) == 1 {
			if i > 0 || age > renewAfter {
				return aging
			}
			return valid
		}
	}
	return invalid
}

// issue makes a full cookie for the client cookie that option begins with.
func (r ring) issue(option []byte, addr netip.Addr, now uint32) (full [fullLen]byte) {
	copy(full[:], option[:clientLen])
	full[clientLen] = version // and three reserved octets of zero
	binary.BigEndian.PutUint32(full[clientLen+4:], now)
	hash := r[0].sign([16]byte(full[:16]), addr)
	copy(full[16:], hash[:])
	return full
}

// sign hashes what comes before the hash in a cookie together with the client's
// address (RFC 9018 section 4.4).
func (s secret) sign(head [16]byte, addr netip.Addr) (hash [8]byte) {
	var input [32]byte
	n := copy(input[:], head[:])
	if addr.Is4() {
		ip := addr.As4()
		n += copy(input[n:], ip[:])
	} else {
		ip := addr.As16()
		n += copy(input[n:], ip[:])
	}
	binary.LittleEndian.PutUint64(hash[:], siphash.Hash(s.k0, s.k1, input[:n]))
	return hash
}
