package peers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// Skew is how far the clocks of two peers may differ when they first meet.
const Skew = time.Minute

// The reasons to refuse a datagram.
var (
	errSecret = errors.New("it was not sealed with our secret")
	errClock  = errors.New("its sender's clock differs from ours by more than " + Skew.String())
	errReplay = errors.New("it came before, or was sent before we started")
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
