//go:build linux

package director_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestPersistence has clients of ten networks keep their servers over both
// ports, until they are away for long, or the server is drained.
func TestPersistence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vip    func(*world) netip.Addr
		client string // of a network and a host
		bits   string
	}{
		"IPv4": {func(w *world) netip.Addr { return w.VIP(0) }, "10.210.%d.%d", "prefix = 24"},
		"IPv6": {func(w *world) netip.Addr { return w.VIP6(0) }, "fd00:210:0:%d::%d", "prefix6 = 64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.Options{})
			w.echoes(80, 443)
			vip := c.vip(w)
			w.configure(fmt.Sprintf("vip \"web\" {\naddress = %q\nports = [80, 443]\nscheduler = \"rr\"\nservers = %s\npersistence { timeout = \"2s\", %s }\n}\n",
				vip, w.list(vip.Is6()), c.bits))
			w.start()
			persists(t, w, vip, func(network, host int) netip.AddrPort {
				return netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf(c.client, network, host)), 0)
			})
		})
	}
}

func persists(t *testing.T, w *world, vip netip.Addr, from func(network, host int) netip.AddrPort) {
	const networks = 10
	for i := range networks {
		address(t, w, from(i, 1).Addr().String())
		address(t, w, from(i, 2).Addr().String())
	}
	first, used := make([]string, networks), map[string]int{}
	for i := range networks {
		first[i] = serverOf(t, w, from(i, 1), at(vip, 80))
		used[first[i]]++
	}
	if len(used) != 3 {
		t.Errorf("All networks have %v", used)
	}
	kept := func(what string, except string) {
		t.Helper()
		for i := range networks {
			for _, to := range []string{at(vip, 443), at(vip, 80)} {
				got := serverOf(t, w, from(i, 2), to)
				if first[i] != except && got != first[i] || got == except {
					t.Errorf("%s: network %d has %s at %s, and had %s", what, i, got, to, first[i])
				}
			}
		}
	}
	kept("another host, the other port", "")
	s := w.Servers[0]
	order := control.DrainOrder{Server: s.Addr.String()}
	if vip.Is6() {
		order.Server = s.Addr6.String()
	}
	if _, err := w.control.Drain(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	w.server("web", s, control.RealDraining)
	kept("one server drained", s.Name)
	time.Sleep(2200 * time.Millisecond) // longer than the timeout
	later := make([]string, networks)
	for i := networks - 1; i >= 0; i-- { // the other way round: not all can have the same again
		later[i] = serverOf(t, w, from(i, 1), at(vip, 80))
	}
	if slices.Equal(first, later) {
		t.Errorf("After the timeout all have the same: %v", later)
	}
}
