//go:build linux

package director_test

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestSchedulers sees which servers connections really get.
func TestSchedulers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80, 81, 82, 83, 84, 85)
	var weighted []string
	for i, s := range w.Servers {
		weighted = append(weighted, fmt.Sprintf("\"%s weight=%d\"", s.Addr, i+1))
	}
	servers := fmt.Sprintf("servers = [%s, %s, %s]", weighted[0], weighted[1], weighted[2])
	w.configure(
		w.vip("sh", w.VIP(0), 80, `scheduler = "sh"`, quick, `slow_start = "0s"`),
		w.vip("maglev", w.VIP(1), 80, `scheduler = "maglev"`, quick, `slow_start = "0s"`),
		w.vip("wrr", w.VIP(0), 81, `scheduler = "wrr"`, servers),
		w.vip("wlc", w.VIP(0), 82, `scheduler = "wlc"`, servers),
		w.vip("rr", w.VIP(0), 83, `scheduler = "rr"`, servers),
		w.vip("lc", w.VIP(0), 84, `scheduler = "lc"`, servers))
	w.start()
	t.Run("by turns and by weight", func(t *testing.T) { turns(t, w) })
	t.Run("by connections", func(t *testing.T) { held(t, w) })
	t.Run("by source", func(t *testing.T) { hashed(t, w, echoes[0]) })
}

// turns: short connections, one after the other.
func turns(t *testing.T, w *world) {
	for port, want := range map[int]map[string]int{
		81: {"s1": 20, "s2": 40, "s3": 60},
		82: {"s1": 20, "s2": 40, "s3": 60},
		83: {"s1": 40, "s2": 40, "s3": 40},
		84: {"s1": 40, "s2": 40, "s3": 40},
	} {
		got := map[string]int{}
		for range 120 {
			got[serverOf(t, w, netip.AddrPort{}, at(w.VIP(0), port))]++
		}
		near(t, port, got, want)
	}
}

// held: connections that stay.
func held(t *testing.T, w *world) {
	for port, want := range map[int]map[string]int{
		82: {"s1": 10, "s2": 20, "s3": 30},
		84: {"s1": 20, "s2": 20, "s3": 20},
	} {
		got, first := map[string]int{}, ""
		var mine []*idle
		for _, one := range idlers(t, w, at(w.VIP(0), port), 60) {
			got[one.server]++
			mine = append(mine, one)
		}
		near(t, port, got, want)
		// Those of one server end: it gets the next.
		first = mine[0].server
		ended := 0
		for _, one := range mine {
			if one.server == first {
				hangUp(one.conn)
				ended++
			}
		}
		eventually(t, "the ends to be counted", func() error {
			for c, err := range w.control.Connections(t.Context(), control.ConnFilter{State: control.ConnEstablished, VIP: at(w.VIP(0), port)}) {
				if err != nil {
					return err
				}
				if c.Server.Addr() == w.Servers[int(first[1]-'1')].Addr {
					return fmt.Errorf("%v has not ended", c)
				}
			}
			return nil
		})
		for i, one := range idlers(t, w, at(w.VIP(0), port), ended-1) {
			if one.server != first {
				t.Errorf("Port %d: connection %d after those of %s ended goes to %s", port, i, first, one.server)
			}
		}
	}
}

func near(t *testing.T, port int, got, want map[string]int) {
	t.Helper()
	for name, n := range want {
		if d := got[name] - n; d < -2 || d > 2 {
			t.Errorf("Port %d: shares %v, want %v", port, got, want)
			return
		}
	}
	t.Logf("Port %d: shares %v", port, got)
}

// hashed: the client decides, and keeps its server when others come and go.
func hashed(t *testing.T, w *world, echo *lab.Echo) {
	var clients []netip.Addr
	for i := range 30 {
		clients = append(clients, address(t, w, fmt.Sprintf("10.211.0.%d", i+1)))
	}
	sh := func() map[string]string {
		all := map[string]string{}
		for _, c := range clients {
			a := serverOf(t, w, netip.AddrPortFrom(c, 4000), at(w.VIP(0), 80))
			if b := serverOf(t, w, netip.AddrPortFrom(c, 4001), at(w.VIP(0), 80)); a != b {
				t.Errorf("sh: ports of %s have %s and %s", c, a, b)
			}
			all[c.String()] = a
		}
		return all
	}
	maglev := func() map[string]string {
		all := map[string]string{}
		for port := range uint16(60) {
			from := netip.AddrPortFrom(w.Client.Addr, 4000+port)
			all[from.String()] = serverOf(t, w, from, at(w.VIP(1), 80))
		}
		return all
	}
	sh0, maglev0 := sh(), maglev()
	echo.Stop()
	w.server("sh", w.Servers[0], control.RealDown)
	w.server("maglev", w.Servers[0], control.RealDown)
	sh1, maglev1 := sh(), maglev()
	if err := echo.Start(); err != nil {
		t.Fatal(err)
	}
	w.server("sh", w.Servers[0], control.RealUp)
	w.server("maglev", w.Servers[0], control.RealUp)
	sh2, maglev2 := sh(), maglev()
	for name, c := range map[string][3]map[string]string{"sh": {sh0, sh1, sh2}, "maglev": {maglev0, maglev1, maglev2}} {
		before, without, after := c[0], c[1], c[2]
		kept, all := 0, 0
		for client, server := range before {
			if without[client] == "s1" {
				t.Errorf("%s: %s has a server that is down", name, client)
			}
			if server == "s1" {
				continue
			}
			all++
			if without[client] == server {
				kept++
			}
		}
		t.Logf("%s: %d of %d clients of the others kept their server when one went", name, kept, all)
		if kept*10 < all*8 || all == len(before) {
			t.Errorf("%s: %d of %d clients kept their server when another went", name, kept, all)
		}
		if !maps.Equal(before, after) {
			t.Errorf("%s: not all is as before when the server is back", name)
		}
	}
}
