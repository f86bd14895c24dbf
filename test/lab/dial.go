//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Dial connects from the namespace, as net.Dialer does, to an address with a
// port. It resolves no names. It holds no thread while it waits.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.DialFrom(ctx, netip.AddrPort{}, network, address)
}

// DialFrom does so from an address and port of choice, which may have been in
// use a moment before; the zero value leaves both to the kernel.
func (n *Node) DialFrom(ctx context.Context, local netip.AddrPort, network, address string) (net.Conn, error) {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	fail := func(err error) (net.Conn, error) {
		return nil, fmt.Errorf("dial %s %s from %s: %w", network, remote, n.Name, err)
	}
	file, err := n.begin(network, local, remote)
	if err != nil {
		return fail(err)
	}
	defer file.Close() // net.FileConn makes a copy
	if err := await(ctx, file); err != nil {
		return fail(err)
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return fail(err)
	}
	return conn, nil
}

// kinds are the networks that can be dialled.
var kinds = map[string]int{"tcp": unix.SOCK_STREAM, "udp": unix.SOCK_DGRAM}

// begin sends the SYN.
func (n *Node) begin(network string, local, remote netip.AddrPort) (*os.File, error) {
	kind, ok := kinds[network]
	if !ok {
		return nil, fmt.Errorf("network %q: want tcp or udp", network)
	}
	var fd int
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(family(remote.Addr()), kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	if local.IsValid() {
		if err := bindTo(fd, local); err != nil {
			return nil, errors.Join(err, unix.Close(fd))
		}
	}
	if err := unix.Connect(fd, sockaddr(remote)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), network), nil
}

func bindTo(fd int, local netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, sockaddr(local)); err != nil {
		return fmt.Errorf("bind to %s: %w", local, err)
	}
	return nil
}

// await waits until a socket is connected, or failed to.
func await(ctx context.Context, file *os.File) error {
	defer context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) })()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err == nil {
			if _, err = unix.Getpeername(int(fd)); errors.Is(err, unix.ENOTCONN) {
				return false
			}
		}
		result = err
		return true
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, result)
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// Listen listens in the namespace. Go would make MPTCP sockets; these are
// plain TCP, as those of other programs are.
func (n *Node) Listen(ctx context.Context, network, address string) (listener net.Listener, err error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	err = n.Do(func() (err error) {
		listener, err = config.Listen(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	return listener, nil
}

// ListenPacket does the same for datagrams.
func (n *Node) ListenPacket(ctx context.Context, network, address string) (conn net.PacketConn, err error) {
	err = n.Do(func() (err error) {
		conn, err = new(net.ListenConfig).ListenPacket(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	return conn, nil
}
