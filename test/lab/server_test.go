//go:build linux

package lab

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	s := l.Servers[0]
	echo := startEchoes(t, l, 80)[0]
	silent := context.DeadlineExceeded
	for _, c := range []struct {
		name string
		do   func() error
		want error
	}{
		{"silent", s.Silence, silent},
		{"vanished", s.Vanish, silent},
		{"stopped", func() error { echo.Stop(); return nil }, syscall.ECONNREFUSED},
		{"unreachable", func() error { return s.Reject(HostUnreachable) }, syscall.EHOSTUNREACH},
		{"port unreachable", func() error { return s.Reject(PortUnreachable) }, syscall.ECONNREFUSED},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			for _, address := range []string{s.HostPort(80), s.HostPort6(80)} {
				if name, err := dial(t, l.Client, address, 300*time.Millisecond); !errors.Is(err, c.want) {
					t.Errorf("%s: got %q, %v; want %v", address, name, err, c.want)
				}
			}
			if err := errors.Join(s.Restore(), echo.Start()); err != nil {
				t.Fatal(err)
			}
			for _, address := range []string{s.HostPort(80), s.HostPort6(80)} {
				if _, err := dial(t, l.Client, address, 5*time.Second); err != nil {
					t.Errorf("%s restored: %v", address, err)
				}
			}
		})
	}
}

func TestConnectionsOutliveSilence(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	echo := startEchoes(t, l, 80)[0]
	conn, err := l.Client.Dial(t.Context(), "tcp", l.Servers[0].HostPort(80))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := l.Servers[0].Silence(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := l.Servers[0].Restore(); err != nil {
		t.Fatal(err)
	}
	for got := ""; got != "s1\nx"; {
		buf := make([]byte, 8)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("After %q: %v", got, err)
		}
		got += string(buf[:n])
	}
	echo.Reset()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("After Reset: %v", err)
	}
}

func TestNftablesBaseline(t *testing.T) {
	l := ForTest(t, Options{})
	startEchoes(t, l, 80)
	for _, c := range []struct {
		name    string
		vip     netip.Addr
		servers func(*Server) netip.Addr
	}{
		{"IPv4", l.VIP(0), func(s *Server) netip.Addr { return s.Addr }},
		{"IPv6", l.VIP6(0), func(s *Server) netip.Addr { return s.Addr6 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var addrs []netip.Addr
			for _, s := range l.Servers {
				addrs = append(addrs, c.servers(s))
			}
			vip := netip.AddrPortFrom(c.vip, 80)
			if err := l.NftDNAT(vip, addrs...); err != nil {
				t.Fatal(err)
			}
			seen := map[string]int{}
			for range 6 {
				name, err := dial(t, l.Client, vip.String(), 2*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				seen[name]++
			}
			if len(seen) != 3 || seen["s1"] != 2 {
				t.Errorf("Six connections went to %v, want two to each", seen)
			}
		})
	}
	if err := l.NftFlush(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, l.Client, netip.AddrPortFrom(l.VIP(0), 80).String(), time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("After NftFlush: %v, want a refusal by the director", err)
	}
}
