package peers

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Memory is what a process remembers of whom it heard. Exchanges share it that
// follow each other in one process or listen beside each other during a reload, so
// that none takes what another had. It is safe for concurrent use.
type Memory struct {
	began time.Time

	mu      sync.Mutex
	senders map[identity]*sender
	heard   map[netip.AddrPort]time.Time
}

// NewMemory is that of a process that starts now.
func NewMemory(now time.Time) *Memory {
	return &Memory{began: now, senders: map[identity]*sender{}, heard: map[netip.AddrPort]time.Time{}}
}

// sender is a process that was heard of.
type sender struct {
	aead   cipher.AEAD
	secret string
	number uint64 // of its last datagram
	heard  time.Time
}

// forgetAfter is when a silent sender is forgotten: much later than its datagrams
// are too old to be from a new one.
const forgetAfter = 10 * Skew

// open returns the words of a datagram that came now.
func (m *Memory) open(secret string, b []byte, now time.Time) ([]byte, error) {
	if len(b) < headerSize+timeSize+tagSize || string(b[:len(magic)]) != magic {
		return nil, errMalformed
	}
	id := identity(b[len(magic):])
	number := binary.BigEndian.Uint64(b[headerSize-8:])
	m.mu.Lock()
	defer m.mu.Unlock()
	from, known := m.senders[id]
	switch {
	case !known:
		from = &sender{aead: sealOf(secret, id), secret: secret}
	case from.secret != secret: // it counts on
		from = &sender{aead: sealOf(secret, id), secret: secret, number: from.number}
	}
	if number <= from.number {
		return nil, errReplay
	}
	plain, err := from.aead.Open(nil, nonce(number), b[headerSize:], b[:headerSize])
	if err != nil {
		return nil, errSecret
	}
	if !known {
		if err := m.fresh(time.UnixMilli(int64(binary.BigEndian.Uint64(plain))), now); err != nil {
			return nil, err
		}
	}
	from.number, from.heard = number, now
	m.admit(id, from, now)
	return plain[timeSize:], nil
}

// fresh refuses what may have been recorded: from a new sender what is old, or
// older than we are and thus may have come to the process before.
func (m *Memory) fresh(sent, now time.Time) error {
	if now.Sub(sent).Abs() > Skew {
		return fmt.Errorf("%w: it says %s", errClock, sent.UTC().Format(time.RFC3339))
	}
	began := now.Add(-now.Sub(m.began)) // by the clock as it is now, which may have been set
	if sent.Before(began.Truncate(time.Millisecond)) {
		return errReplay
	}
	return nil
}

func (m *Memory) admit(id identity, from *sender, now time.Time) {
	if m.senders[id] == from {
		return
	}
	for other, f := range m.senders {
		if now.Sub(f.heard) > forgetAfter {
			delete(m.senders, other)
		}
	}
	m.senders[id] = from
}

// maxHeard bounds the addresses that are remembered: those who know the secret
// may come from any.
const maxHeard = 64

func (m *Memory) remember(from netip.AddrPort, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.heard[from]; ok || len(m.heard) < maxHeard {
		m.heard[from] = now
	}
}

// last is when somebody was heard of at that address, zero for never.
func (m *Memory) last(from netip.AddrPort) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard[from]
}
