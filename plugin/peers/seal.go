package peers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Skew is how far the clocks of two peers may differ when they first meet.
const Skew = time.Minute

// The reasons to refuse a datagram.
var (
	errSecret = errors.New("it was not sealed with our secret")
	errClock  = errors.New("its sender's clock differs from ours by more than " + Skew.String())
	errReplay = errors.New("it came before")
)

const (
	magic      = "BLP\x01"
	idSize     = 16
	headerSize = len(magic) + idSize + 8
	tagSize    = 16
	timeSize   = 8
	maxSize    = 1232 // of a datagram, which then needs no fragments (DNS flag day 2020)
	room       = maxSize - headerSize - timeSize - tagSize
)

type identity [idSize]byte

// sealOf is the cipher of a sender.
func sealOf(secret string, id identity) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, []byte(secret), id[:], "ballast peers", 32)
	if err != nil {
		panic(err) // only for lengths that it cannot make
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func nonce(number uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), number)
}

// seal makes a datagram.
func seal(aead cipher.AEAD, id identity, number uint64, sent time.Time, words []byte) []byte {
	b := append([]byte(magic), id[:]...)
	b = binary.BigEndian.AppendUint64(b, number)
	plain := binary.BigEndian.AppendUint64(nil, uint64(sent.UnixMilli()))
	return aead.Seal(b, nonce(number), append(plain, words...), b[:headerSize])
}

// sender is a process that was heard of.
type sender struct {
	aead   cipher.AEAD
	secret string
	number uint64 // of its last datagram
	heard  time.Time
}

// senders open what they send. They are used by one goroutine.
type senders map[identity]*sender

// forgetAfter is when a silent sender is forgotten: much later than its datagrams
// are too old to be from a new one.
const forgetAfter = 10 * Skew

// open returns the words of a datagram that came now.
func (s senders) open(secret string, b []byte, now time.Time) ([]byte, error) {
	if len(b) < headerSize+timeSize+tagSize || string(b[:len(magic)]) != magic {
		return nil, errMalformed
	}
	id := identity(b[len(magic):])
	number := binary.BigEndian.Uint64(b[headerSize-8:])
	from, known := s[id]
	if known = known && from.secret == secret; !known {
		from = &sender{aead: sealOf(secret, id), secret: secret}
	}
	if number <= from.number {
		return nil, errReplay
	}
	plain, err := from.aead.Open(nil, nonce(number), b[headerSize:], b[:headerSize])
	if err != nil {
		return nil, errSecret
	}
	sent := time.UnixMilli(int64(binary.BigEndian.Uint64(plain)))
	if off := now.Sub(sent); !known && off.Abs() > Skew {
		return nil, fmt.Errorf("%w: it says %s", errClock, sent.UTC().Format(time.RFC3339))
	}
	from.number, from.heard = number, now
	s.admit(id, from, now)
	return plain[timeSize:], nil
}

func (s senders) admit(id identity, from *sender, now time.Time) {
	if s[id] == from {
		return
	}
	for other, f := range s {
		if now.Sub(f.heard) > forgetAfter {
			delete(s, other)
		}
	}
	s[id] = from
}
