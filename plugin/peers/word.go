package peers

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"net/netip"
	"time"
)

// MaxServers is the most servers that a word carries.
const MaxServers = 32

// Word tells of one answer.
type Word struct {
	Name    uint64       // Hash of the LB name's place
	Family  uint8        // of the question, below 128
	Key     netip.Prefix // who was answered
	TTL     time.Duration
	At      time.Time // when
	N       int
	Servers [MaxServers]uint64 // Hash of their IDs, N of them
}

// Hash makes a number of a name or of a server's ID, the same on all machines.
func Hash(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

var errMalformed = errors.New("malformed")

const ipv6 = 0x80

// append adds the word to a datagram that is sent at that time.
func (w *Word) append(b []byte, sent time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, w.Name)
	key := w.Key.Masked()
	kind, addr := w.Family, key.Addr().AsSlice()
	if len(addr) == 16 {
		kind |= ipv6
	}
	b = append(b, kind, uint8(key.Bits()))
	b = append(b, addr[:(key.Bits()+7)/8]...)
	b = binary.AppendUvarint(b, uint64(min(max(0, w.TTL), longestTTL)/time.Second))
	b = binary.AppendUvarint(b, uint64(min(max(0, sent.Sub(w.At)), longestAge)/time.Millisecond))
	b = append(b, uint8(w.N))
	for _, s := range w.Servers[:w.N] {
		b = binary.BigEndian.AppendUint64(b, s)
	}
	return b
}

// maxWord is how long one can be: a datagram has room for it.
const maxWord = 8 + 1 + 1 + 16 + 2*binary.MaxVarintLen64 + 1 + 8*MaxServers

var _ [room - maxWord]struct{}

// The most that is said of a word, and believed.
const (
	longestTTL = 7 * 24 * time.Hour // as resolvers', RFC 8767 section 4
	longestAge = time.Second        // the shortest TTL: none is over when it is heard of
)

// parse takes a word off the front of a datagram that came at that time.
func (w *Word) parse(b []byte, came time.Time) (rest []byte, err error) {
	if len(b) < 10 {
		return nil, errMalformed
	}
	w.Name, w.Family = binary.BigEndian.Uint64(b), b[8]&^ipv6
	if w.Key, b, err = parseKey(b[8]&ipv6 != 0, int(b[9]), b[10:]); err != nil {
		return nil, err
	}
	var ttl, age uint64
	if ttl, b, err = uvarint(b, uint64(longestTTL/time.Second)); err != nil {
		return nil, err
	}
	if age, b, err = uvarint(b, uint64(longestAge/time.Millisecond)); err != nil {
		return nil, err
	}
	w.TTL, w.At = time.Duration(ttl)*time.Second, came.Add(-time.Duration(age)*time.Millisecond)
	if len(b) < 1 || b[0] > MaxServers || len(b) < 1+8*int(b[0]) {
		return nil, errMalformed
	}
	w.N, b = int(b[0]), b[1:]
	for i := range w.N {
		w.Servers[i], b = binary.BigEndian.Uint64(b), b[8:]
	}
	return b, nil
}

func parseKey(six bool, bits int, b []byte) (netip.Prefix, []byte, error) {
	var addr [16]byte
	n, size := (bits+7)/8, 4
	if six {
		size = 16
	}
	if n > size || n > len(b) {
		return netip.Prefix{}, nil, errMalformed
	}
	copy(addr[:], b[:n])
	ip, _ := netip.AddrFromSlice(addr[:size])
	return netip.PrefixFrom(ip, bits).Masked(), b[n:], nil
}

func uvarint(b []byte, most uint64) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > most {
		return 0, nil, errMalformed
	}
	return v, b[n:], nil
}
