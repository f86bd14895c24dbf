//go:build linux

package director_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// greet connects from an address and port, and waits for the server's name.
// The zero value leaves them to the kernel.
func greet(ctx context.Context, w *world, from netip.AddrPort, to string) (net.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := w.Client.DialFrom(ctx, from, "tcp", to)
	if err != nil {
		return nil, "", err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second)) // it is open
	name, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		conn.Close()
		return nil, "", fmt.Errorf("from %s to %s: %w", from, to, err)
	}
	return conn, strings.TrimSpace(name), nil
}

// serverOf is who answers a connection that is ended by RST at once, so that
// its port is free again.
func serverOf(t *testing.T, w *world, from netip.AddrPort, to string) string {
	t.Helper()
	conn, name, err := greet(t.Context(), w, from, to)
	if err != nil {
		t.Fatal(err)
	}
	hangUp(conn)
	return name
}

// hangUp ends a connection by RST.
func hangUp(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0) // it is open
	conn.Close()
}

// address gives the client one more.
func address(t *testing.T, w *world, addr string) netip.Addr {
	t.Helper()
	a := netip.MustParseAddr(addr)
	if err := w.Client.AddAddr("c0", netip.PrefixFrom(a, a.BitLen())); err != nil {
		t.Fatal(err)
	}
	return a
}

// ip runs ip(8) in a node.
func ip(t *testing.T, n *lab.Node, args ...string) {
	t.Helper()
	if out, err := n.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v in %s: %v: %s", args, n.Name, err, out)
	}
}
