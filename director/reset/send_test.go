package reset

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/route/nstest"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// Queues of TCP_REPAIR (linux/tcp.h).
const (
	receiveQueue = 1
	sendQueue    = 2
)

// lab is a client and a server with a director between them that routes.
type lab struct {
	client, director, server *nstest.Space
	sender                   *Sender
}

func newLab(t *testing.T, o Options) lab {
	t.Helper()
	l := lab{client: nstest.New(t), director: nstest.New(t), server: nstest.New(t)}
	nstest.Join(t, l.director, "d0", l.client, "c0")
	nstest.Join(t, l.director, "br0", l.server, "s0")
	l.director.Enter(t, func() {
		l.director.Address(t, "d0", "10.200.0.2/24", "fd00:200::2/64")
		l.director.Address(t, "br0", "10.201.0.1/24", "fd00:201::1/64")
		l.director.Set(t, "net/ipv4/ip_forward", "1")
		l.director.Set(t, "net/ipv6/conf/all/forwarding", "1")
		var err error
		if l.sender, err = Open(o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.sender.Close)
	})
	l.client.Enter(t, func() {
		l.client.Address(t, "c0", "10.200.0.1/24", "fd00:200::1/64")
		l.client.Route(t, "10.201.0.0/24", "10.200.0.2", 0)
		l.client.Route(t, "fd00:201::/64", "fd00:200::2", 0)
	})
	l.server.Enter(t, func() {
		l.server.Address(t, "s0", "10.201.0.11/24", "fd00:201::11/64")
		l.server.Route(t, "10.200.0.0/24", "10.201.0.1", 0)
		l.server.Route(t, "fd00:200::/64", "fd00:201::1", 0)
	})
	return l
}

// connect opens a connection through the director. What the datapath would
// know of it is taken from the client's socket.
func (l lab) connect(t *testing.T, address string) (client, server *net.TCPConn, c Conn) {
	t.Helper()
	var listener net.Listener
	var err error
	l.server.Enter(t, func() { listener, err = net.Listen("tcp", net.JoinHostPort(address, "80")) })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l.client.Enter(t, func() {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", listener.Addr().String(), patience); err == nil {
			client = conn.(*net.TCPConn)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server = accepted.(*net.TCPConn)
	t.Cleanup(func() { server.Close() })
	exchange(t, client, server)
	c.Client, c.Local = addrPort(client.LocalAddr()), addrPort(client.LocalAddr())
	c.VIP, c.Server = addrPort(client.RemoteAddr()), addrPort(client.RemoteAddr())
	c.ClientNext, c.ClientAck = sequence(t, client, sendQueue), sequence(t, client, receiveQueue)
	return client, server, c
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// exchange sends something both ways.
func exchange(t *testing.T, a, b *net.TCPConn) {
	t.Helper()
	for _, way := range [][2]*net.TCPConn{{a, b}, {b, a}} {
		if _, err := io.WriteString(way[0], "ballast"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(way[1], make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
	}
}

// sequence reads a queue's next sequence number (TCP_REPAIR, which closes
// nothing).
func sequence(t *testing.T, conn *net.TCPConn, queue int) (seq uint32) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	set := func(fd uintptr, option, value int) {
		failed = errors.Join(failed, unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option, value))
	}
	err = raw.Control(func(fd uintptr) {
		set(fd, unix.TCP_REPAIR, 1)
		set(fd, unix.TCP_REPAIR_QUEUE, queue)
		v, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
		seq, failed = uint32(v), errors.Join(failed, err)
		set(fd, unix.TCP_REPAIR, -1) // off, without a window probe
	})
	if err := errors.Join(err, failed); err != nil {
		t.Fatalf("TCP_REPAIR: %v", err)
	}
	return seq
}

// read returns the error of a read.
func read(conn *net.TCPConn, wait time.Duration) error {
	_ = conn.SetReadDeadline(time.Now().Add(wait))
	defer conn.SetReadDeadline(time.Time{})
	_, err := conn.Read(make([]byte, 1))
	return err
}

func TestReset(t *testing.T) {
	l := newLab(t, Options{})
	for name, address := range map[string]string{"IPv4": "10.201.0.11", "IPv6": "fd00:201::11"} {
		t.Run(name, func(t *testing.T) {
			client, server, c := l.connect(t, address)
			if err := l.sender.ResetClient(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if err := read(client, patience); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("client: %v, want a reset", err)
			}
			if err := l.sender.ResetServer(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if err := read(server, patience); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("server: %v, want a reset", err)
			}
		})
	}
}

func TestResetMustBeExact(t *testing.T) {
	l := newLab(t, Options{})
	for name, address := range map[string]string{"IPv4": "10.201.0.11", "IPv6": "fd00:201::11"} {
		t.Run(name, func(t *testing.T) {
			client, server, c := l.connect(t, address)
			for _, off := range []uint32{1, ^uint32(0)} {
				near := c
				near.ClientAck += off
				near.ClientNext += off
				if err := errors.Join(l.sender.ResetClient(t.Context(), near), l.sender.ResetServer(t.Context(), near)); err != nil {
					t.Fatal(err)
				}
			}
			exchange(t, client, server) // in order behind the resets
		})
	}
}

func TestResetErrors(t *testing.T) {
	l := newLab(t, Options{})
	c := Conn{Client: port("192.0.2.1:4000"), VIP: vip4}
	if err := l.sender.ResetClient(t.Context(), c); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("no route to the client: %v", err)
	}
	if err := l.sender.ResetServer(t.Context(), c); err == nil {
		t.Error("a connection without a server was taken")
	}
}

func TestResetRate(t *testing.T) {
	s := &Sender{-1, -1, limiter(100, 0), limiter(0, 200)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := Conn{Client: client4, VIP: vip4}
	if err := s.ResetClient(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if s.resets.Limit() != 100 || s.resets.Burst() != 1 || s.tooBigs.Limit() != rate.Limit(200) || s.tooBigs.Burst() != 2 {
		t.Errorf("rates %v/%d and %v/%d", s.resets.Limit(), s.resets.Burst(), s.tooBigs.Limit(), s.tooBigs.Burst())
	}
	if err := s.ResetClient(t.Context(), c); !errors.Is(err, unix.EAFNOSUPPORT) {
		t.Errorf("without IPv4: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.ResetClient(ctx, c); err == nil || errors.Is(err, unix.EAFNOSUPPORT) {
		t.Errorf("over the rate: %v", err)
	}
}

func TestTooBigRate(t *testing.T) {
	s := &Sender{-1, -1, limiter(0, 1), limiter(1, 0)}
	o := Oversize{Head: datagram(client4, vip4, 1392), MTU: 1300}
	if err := s.TooBig(Oversize{MTU: 1300}); !errors.Is(err, ErrSilent) {
		t.Errorf("about nothing: %v", err)
	}
	if err := s.TooBig(o); !errors.Is(err, unix.EAFNOSUPPORT) {
		t.Errorf("without IPv4: %v", err)
	}
	if err := s.TooBig(o); !errors.Is(err, ErrLimited) {
		t.Errorf("over the rate: %v", err)
	}
}

// TestTooBigIsBelieved has the sender's kernel take the MTU of the message.
// Link-local senders are at both interfaces: one is not where the kernel would
// look by itself.
func TestTooBigIsBelieved(t *testing.T) {
	l := newLab(t, Options{})
	index := make(map[string]int)
	l.director.Enter(t, func() {
		for _, name := range []string{"d0", "br0"} {
			index[name] = l.director.Link(t, name).Attrs().Index
		}
	})
	l.client.Enter(t, func() { l.client.Address(t, "c0", "fe80::1:1/64") })
	l.server.Enter(t, func() { l.server.Address(t, "s0", "fe80::1:2/64") })
	cases := []struct {
		name            string
		at              *nstest.Space
		from, vip, near string
	}{
		{"IPv4", l.client, "10.200.0.1:0", "10.200.0.100:80", "d0"},
		{"IPv6", l.client, "[fd00:200::1]:0", "[fd00:200::100]:80", "d0"},
		{"link-local, at d0", l.client, "[fe80::1:1%c0]:0", "[fd00:200::101]:80", "d0"},
		{"link-local, at br0", l.server, "[fe80::1:2%s0]:0", "[fd00:201::101]:80", "br0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var conn net.Conn
			var err error
			c.at.Enter(t, func() {
				conn, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(port(c.from)), net.UDPAddrFromAddrPort(port(c.vip)))
			})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			from := conn.LocalAddr().(*net.UDPAddr).AddrPort()
			head := datagram(netip.AddrPortFrom(from.Addr().WithZone(""), from.Port()), port(c.vip), 1392)
			if err := l.sender.TooBig(Oversize{Head: head, MTU: 1300, Ifindex: index[c.near]}); err != nil {
				t.Fatal(err)
			}
			c.at.Enter(t, func() { becomes(t, port(c.vip).Addr(), 1300) })
		})
	}
}

// becomes waits for the kernel's path MTU to an address.
func becomes(t *testing.T, to netip.Addr, want int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		routes, err := netlink.RouteGet(to.AsSlice())
		if err != nil {
			t.Fatal(err)
		}
		if routes[0].MTU == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("path MTU to %v is %d, want %d", to, routes[0].MTU, want)
		}
	}
}
