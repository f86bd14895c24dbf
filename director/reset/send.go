// Package reset sends the packets that the datapath cannot make itself: TCP
// resets for connections on which no packet comes that it could answer, and
// ICMP messages about packets that are too big.
package reset

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// Default rates.
const (
	DefaultResets  = 10_000 // a second
	DefaultTooBigs = 1_000
)

// ErrLimited says that more too-big messages were asked for than the rate allows
// (RFC 4443, 2.4 (f)).
var ErrLimited = errors.New("over the rate of too-big messages")

// Conn is a TCP connection: Client talks to VIP, Server is talked to by Local,
// which is Client in mode nat.
type Conn struct {
	Client, VIP, Server, Local netip.AddrPort

	ClientAck  uint32 // what the client has acknowledged last
	ClientNext uint32 // the sequence number that the client would use next
}

// Options of a Sender; 0 stands for the defaults.
type Options struct {
	Resets  int // packets a second
	TooBigs int // packets a second
}

// Sender sends with raw sockets, as anybody. It belongs to the network
// namespace of the thread that called Open, and may be used by several
// goroutines.
type Sender struct {
	ipv4, ipv6 int // -1: the kernel has not this family
	resets     *rate.Limiter
	tooBigs    *rate.Limiter
}

// Open opens the sockets, for which it needs CAP_NET_RAW; the Sender does not.
func Open(o Options) (*Sender, error) {
	ipv4, err := socket(unix.AF_INET)
	if err != nil {
		return nil, err
	}
	ipv6, err := socket(unix.AF_INET6)
	if err != nil {
		shut(ipv4)
		return nil, err
	}
	return &Sender{ipv4, ipv6, limiter(o.Resets, DefaultResets), limiter(o.TooBigs, DefaultTooBigs)}, nil
}

// socket opens a socket of IPPROTO_RAW: packets carry their IP header (raw(7);
// the same holds for IPv6 in Linux), and none are received.
func socket(domain int) (int, error) {
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("open a raw socket (needs CAP_NET_RAW): %w", err)
	}
	// A device that takes nothing must not hold a thread for ever.
	wait := unix.NsecToTimeval(int64(100 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait); err != nil {
		shut(fd)
		return -1, fmt.Errorf("set the send timeout of a raw socket: %w", err)
	}
	return fd, nil
}

// limiter lets 10 ms' worth go at once: a burst that fits any queue.
func limiter(perSecond, otherwise int) *rate.Limiter {
	if perSecond == 0 {
		perSecond = otherwise
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(perSecond/100, 1))
}

// Close closes the sockets. No other method may run.
func (s *Sender) Close() {
	shut(s.ipv4)
	shut(s.ipv6)
}

func shut(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd) // nothing is lost with it
	}
}

// ResetClient ends the connection for its client, as soon as the rate allows.
// If ClientAck is not what the client expects now, it answers with a challenge
// ACK (RFC 5961, 3.2) and goes on.
func (s *Sender) ResetClient(ctx context.Context, c Conn) error {
	return s.reset(ctx, c.VIP, c.Client, c.ClientAck)
}

// ResetServer does so for its server.
func (s *Sender) ResetServer(ctx context.Context, c Conn) error {
	return s.reset(ctx, c.Local, c.Server, c.ClientNext)
}

func (s *Sender) reset(ctx context.Context, from, to netip.AddrPort, seq uint32) error {
	from, to, err := ends(from, to)
	if err != nil {
		return err
	}
	if err := s.resets.Wait(ctx); err != nil {
		return fmt.Errorf("reset from %v to %v: %w", from, to, err)
	}
	if err := s.send(buildRST(nil, from, to, seq), to.Addr(), 0); err != nil {
		return fmt.Errorf("reset from %v to %v: %w", from, to, err)
	}
	return nil
}

// TooBig tells a packet's sender the MTU: ICMP type 3 code 4 (RFC 1191), or
// ICMPv6 type 2 (RFC 4443). It does not wait. Errors: ErrSilent, ErrLimited,
// and those of the kernel.
func (s *Sender) TooBig(o Oversize) error {
	packet, to, err := o.build()
	if err != nil {
		return fmt.Errorf("too big: %w", err)
	}
	if !s.tooBigs.Allow() {
		return ErrLimited
	}
	if err := s.send(packet, to, o.Ifindex); err != nil {
		return fmt.Errorf("too big, to %v: %w", to, err)
	}
	return nil
}

// send gives a whole packet to the kernel's routing. The ifindex is looked at
// for link-local addresses.
func (s *Sender) send(packet []byte, to netip.Addr, ifindex int) error {
	fd := s.ipv4
	var addr unix.Sockaddr
	if to.Is4() {
		addr = &unix.SockaddrInet4{Addr: to.As4()}
	} else {
		a := &unix.SockaddrInet6{Addr: to.As16()}
		if to.IsLinkLocalUnicast() {
			a.ZoneId = uint32(ifindex)
		}
		fd, addr = s.ipv6, a
	}
	if fd < 0 {
		return unix.EAFNOSUPPORT
	}
	for {
		// With a timeout, the kernel does not restart what the runtime's
		// signals interrupt (signal(7)).
		if err := unix.Sendto(fd, packet, 0, addr); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
