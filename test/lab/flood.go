//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Flood sends SYNs from invented clients: of 10.0.0.0/9 in IPv4, none of the
// lab's own networks, and of 2001:db8::/32 in IPv6. Nobody answers for them.
type Flood struct {
	From  *Node
	VIP   netip.AddrPort
	Count int
	Rate  int    // SYNs each second; 0 for as many as one thread can
	Seed  uint64 // of the addresses and ports
}

// floodBatch is how many SYNs go between two looks at the clock.
const floodBatch = 256

// Run sends them all and returns how many were sent.
func (f Flood) Run(ctx context.Context) (sent int, err error) {
	fd, err := f.socket()
	if err != nil {
		return 0, fmt.Errorf("flood %s from %s: %w", f.VIP, f.From.Name, err)
	}
	defer unix.Close(fd)
	random := rand.New(rand.NewPCG(f.Seed, 0))
	to := sockaddr(netip.AddrPortFrom(f.VIP.Addr(), 0))
	begun := time.Now()
	for sent < f.Count {
		if err := f.pace(ctx, begun, sent); err != nil {
			return sent, err
		}
		for range min(floodBatch, f.Count-sent) {
			// ENOBUFS: the queue is full; the flood is no slower for it.
			if err := unix.Sendto(fd, f.syn(random), 0, to); err != nil && err != unix.ENOBUFS {
				return sent, fmt.Errorf("flood %s from %s: %w", f.VIP, f.From.Name, err)
			}
			sent++
		}
	}
	return sent, nil
}

// socket sends packets with the IP header that we write.
func (f Flood) socket() (fd int, err error) {
	err = f.From.Do(func() (err error) {
		fd, err = unix.Socket(family(f.VIP.Addr()), unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	return fd, err
}

// pace waits until the next batch is due.
func (f Flood) pace(ctx context.Context, begun time.Time, sent int) error {
	if f.Rate <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(time.Until(begun.Add(time.Duration(sent) * time.Second / time.Duration(f.Rate))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// syn is one packet.
func (f Flood) syn(random *rand.Rand) []byte {
	seq, port := random.Uint32(), uint16(1024+random.IntN(64512))
	if f.VIP.Addr().Is4() {
		source := netip.AddrFrom4([4]byte{10, byte(random.IntN(128)), byte(random.IntN(256)), byte(1 + random.IntN(254))})
		return synIPv4(netip.AddrPortFrom(source, port), f.VIP, seq)
	}
	host := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint64(host[8:], random.Uint64())
	return synIPv6(netip.AddrPortFrom(netip.AddrFrom16(host), port), f.VIP, seq)
}

func synIPv4(from, to netip.AddrPort, seq uint32) []byte {
	p := make([]byte, 20, 44)
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[2:], 44)
	source, target := from.Addr().As4(), to.Addr().As4()
	copy(p[12:], source[:])
	copy(p[16:], target[:])
	binary.BigEndian.PutUint16(p[10:], ^fold(sum(0, p)))
	return append(p, tcpSYN(from, to, seq, p[12:20])...)
}

func synIPv6(from, to netip.AddrPort, seq uint32) []byte {
	p := make([]byte, 40, 64)
	p[0], p[6], p[7] = 0x60, unix.IPPROTO_TCP, 64
	binary.BigEndian.PutUint16(p[4:], 24)
	source, target := from.Addr().As16(), to.Addr().As16()
	copy(p[8:], source[:])
	copy(p[24:], target[:])
	return append(p, tcpSYN(from, to, seq, p[8:40])...)
}

// tcpSYN is a TCP header with an MSS of 1460 (RFC 9293); addresses are those
// of the pseudo-header.
func tcpSYN(from, to netip.AddrPort, seq uint32, addresses []byte) []byte {
	t := make([]byte, 24)
	binary.BigEndian.PutUint16(t[0:], from.Port())
	binary.BigEndian.PutUint16(t[2:], to.Port())
	binary.BigEndian.PutUint32(t[4:], seq)
	t[12], t[13] = 6<<4, 0x02
	binary.BigEndian.PutUint16(t[14:], 64240)
	copy(t[20:], []byte{2, 4, 1460 >> 8, 1460 & 0xff})
	pseudo := sum(uint32(unix.IPPROTO_TCP+len(t)), addresses)
	binary.BigEndian.PutUint16(t[16:], ^fold(sum(pseudo, t)))
	return t
}

// sum adds 16-bit words as RFC 1071 does; b has an even length.
func sum(start uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		start += uint32(binary.BigEndian.Uint16(b))
	}
	return start
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
