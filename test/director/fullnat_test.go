//go:build linux

package director_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// strangers takes the servers' routes away: they answer their own network only.
func strangers(t *testing.T, w *world) {
	t.Helper()
	for _, s := range w.Servers {
		ip(t, s.Node, "-4", "route", "del", "default")
		ip(t, s.Node, "-6", "route", "del", "default")
	}
}

// TestFullNAT has many clients use the same ports through servers that have no
// route to them.
func TestFullNAT(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	strangers(t, w)
	echoes := w.echoes(80)
	const full = `mode = "fullnat"`
	w.configure(
		w.vip("web", w.VIP(0), 80, full, `source_ports = "20000-20255"`),
		w.vip("web6", w.VIP6(0), 80, full))
	w.start()
	var conns []net.Conn
	for _, client := range []string{"10.210.0.1", "10.210.0.2", "10.210.0.3", "10.210.0.4", "10.210.0.5", "10.210.0.6"} {
		from := address(t, w, client)
		for port := range uint16(40) {
			conn, _, err := greet(t.Context(), w, netip.AddrPortFrom(from, 5000+port), at(w.VIP(0), 80))
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	distinct(t, w, len(conns))
	for _, conn := range conns {
		if _, err := conn.Write([]byte("!")); err != nil {
			t.Error(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(limit)) // it is open
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("%s: %v", conn.LocalAddr(), err)
		}
		hangUp(conn)
	}
	o := loads(t, w, 2*time.Second, func() error { echoes[0].Stop(); return nil })
	o.judge(t, atOnce)
}

// distinct sees that the connections of the VIP have a tuple of the director's
// own each.
func distinct(t *testing.T, w *world, want int) {
	t.Helper()
	seen := make(map[[2]netip.AddrPort]netip.AddrPort)
	for c, err := range w.control.Connections(t.Context(), control.ConnFilter{VIP: "web"}) {
		if err != nil {
			t.Fatal(err)
		}
		key := [2]netip.AddrPort{c.Local, c.Server}
		if other, there := seen[key]; there {
			t.Errorf("%s and %s are both %s to %s", c.Client, other, c.Local, c.Server)
		}
		if c.Local.Addr() != netip.MustParseAddr("10.201.0.1") || c.Local.Port() < 20000 || c.Local.Port() > 20255 {
			t.Errorf("%s is %s to its server", c.Client, c.Local)
		}
		seen[key] = c.Client
	}
	if len(seen) != want {
		t.Errorf("The table has %d connections, want %d", len(seen), want)
	}
}

// TestFullNATPortReuse: one client port is used again as soon as it is free,
// whoever closed before.
func TestFullNATPortReuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{Servers: 1})
	strangers(t, w)
	echo := w.echoes(80)[0]
	w.configure(w.vip("web", w.VIP(0), 80, `mode = "fullnat"`), w.vip("web6", w.VIP6(0), 80, `mode = "fullnat"`))
	w.start()
	for name, c := range map[string]struct{ from, to netip.Addr }{
		"IPv4": {w.Client.Addr, w.VIP(0)}, "IPv6": {w.Client.Addr6, w.VIP6(0)},
	} {
		begun := time.Now()
		from := netip.AddrPortFrom(c.from, 7777)
		for i := range 60 {
			conn := again(t, w, from, at(c.to, 80))
			if i%2 == 0 {
				hangUp(conn)
				continue
			}
			echo.Reset() // the server is first
			_ = conn.SetReadDeadline(time.Now().Add(limit))
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Errorf("%s: connection %d lives on", name, i)
			}
			conn.Close()
		}
		t.Logf("%s: 60 connections from one port in %v", name, time.Since(begun))
	}
}

// again connects from a port that was in use a moment before. A process that
// another test just starts has copies of all sockets until it calls exec, and
// so may keep the last one open.
func again(t *testing.T, w *world, from netip.AddrPort, to string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		conn, _, err := greet(t.Context(), w, from, to)
		if err == nil {
			return conn
		}
		if !errors.Is(err, syscall.EADDRNOTAVAIL) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestFullNATWithoutPorts: when all source ports are in use, what comes is
// dropped and counted, and nobody else's connection is harmed.
func TestFullNATWithoutPorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{Servers: 1})
	w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, `mode = "fullnat"`, `source_ports = "20000-20009"`))
	w.start()
	all := idlers(t, w, at(w.VIP(0), 80), 10)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := w.Client.Dial(ctx, "tcp", at(w.VIP(0), 80)); err == nil {
		conn.Close()
		t.Error("An eleventh connection has one of ten ports")
	}
	if w.reason("web", "drop_no_port") == 0 {
		t.Errorf("It is not counted: %v", w.status().VIPs[0].Reasons)
	}
	alive(t, all, "")
}
