package peers

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/secret"

	"github.com/coredns/coredns/plugin/pkg/reuseport"
)

// Exchange is one name server's end.
type Exchange struct {
	conn   *net.UDPConn
	peers  []netip.AddrPort
	secret *secret.File
	memory *Memory

	// Of the goroutine that sends.
	id     identity
	aead   cipher.AEAD
	sealed string // the secret that aead is of
	number uint64
	packed []byte

	mu   sync.Mutex
	lost map[netip.AddrPort]error // by peer: why it cannot be sent to
}

// readBuffer is asked for: what a few peers tell at their fastest within a tenth of a
// second in which this process does not run.
const readBuffer = 1 << 20

// Open listens for the peers, to whom it sends from the same address. A process
// that is to be replaced may listen there as well.
func Open(listen netip.AddrPort, peers []netip.AddrPort, secret *secret.File, memory *Memory) (*Exchange, error) {
	conn, err := reuseport.ListenPacket("udp", listen.String())
	if err != nil {
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	e := &Exchange{conn: conn.(*net.UDPConn), peers: peers, secret: secret, memory: memory, lost: map[netip.AddrPort]error{}}
	_ = e.conn.SetReadBuffer(readBuffer) // as much of it as the system allows
	rand.Read(e.id[:])                   // never fails
	return e, nil
}

// Addr is where it listens.
func (e *Exchange) Addr() net.Addr { return e.conn.LocalAddr() }

// Close ends Receive.
func (e *Exchange) Close() error { return e.conn.Close() }

// Send sends words to every peer, or without any that we are there. It returns
// how many datagrams each of them was sent.
func (e *Exchange) Send(words []Word, now time.Time) (datagrams int) {
	if text := e.secret.Get(now); e.aead == nil || text != e.sealed {
		e.aead, e.sealed = sealOf(text, e.id), text
	}
	for datagrams == 0 || len(words) > 0 {
		words = e.pack(words, now)
		e.number++
		b := seal(e.aead, e.id, e.number, now, e.packed)
		for _, p := range e.peers {
			_, err := e.conn.WriteToUDPAddrPort(b, p)
			e.note(p, err)
		}
		datagrams++
	}
	return datagrams
}

// pack packs as many words as a datagram has room for, and returns the others.
func (e *Exchange) pack(words []Word, now time.Time) []Word {
	e.packed = e.packed[:0]
	for len(words) > 0 {
		more := words[0].append(e.packed, now)
		if len(more) > room {
			break
		}
		e.packed, words = more, words[1:]
	}
	return words
}

func (e *Exchange) note(peer netip.AddrPort, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil || errors.Is(err, net.ErrClosed) {
		delete(e.lost, peer)
		return
	}
	e.lost[peer] = err
}

// retry is how long Receive waits after an error.
const retry = 100 * time.Millisecond

// Receive hands over the words of all datagrams until Close. refused is told of
// those that count for nothing, with where they came from.
func (e *Exchange) Receive(hear func(*Word), refused func(netip.AddrPort, error)) {
	b := make([]byte, 2*maxSize)
	for {
		n, from, err := e.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the network's, which may recover
			time.Sleep(retry)
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if err := e.take(b[:n], from, hear); err != nil {
			refused(from, err)
		}
	}
}

func (e *Exchange) take(b []byte, from netip.AddrPort, hear func(*Word)) error {
	now := time.Now()
	words, err := e.memory.open(e.secret.Get(now), b, now)
	if err != nil {
		return err
	}
	e.memory.remember(from, now)
	for len(words) > 0 {
		var w Word
		if words, err = w.parse(words, now); err != nil {
			return err
		}
		hear(&w)
	}
	return nil
}
