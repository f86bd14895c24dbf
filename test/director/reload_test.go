//go:build linux

package director_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestReload changes the configuration while flows go on.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	two := func(a, b int) string {
		return fmt.Sprintf(`servers = [%q, %q]`, w.Servers[a].Addr, w.Servers[b].Addr)
	}
	w.configure(w.vip("web", w.VIP(0), 80, two(0, 1)))
	w.start()
	flows, err := lab.Flows{From: w.Client, Addr: at(w.VIP(0), 80), Count: 40, Every: 100 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer flows.Close()
	t.Run("a bad file changes nothing", func(t *testing.T) { badFile(t, w) })
	t.Run("what needs a restart is told", func(t *testing.T) { restartNeeded(t, w) })
	t.Run("servers come and go", func(t *testing.T) {
		w.configure(w.vip("web", w.VIP(0), 80, two(1, 2), `slow_start = "0s"`, `scheduler = "rr"`))
		if s := w.hup(); s.ConfigError != "" {
			t.Fatal(s.ConfigError)
		}
		w.ready()
		if got := reached(t, w, w.VIP(0)); got["s1"] > 0 || got["s2"] == 0 || got["s3"] == 0 {
			t.Errorf("New connections go to %v", got)
		}
		if r, err := realOf(w.status(), "web", w.Servers[0]); err == nil && (r.Active != 20 || r.State != control.RealDraining) {
			t.Errorf("The server that has gone is %s with %d connections", r.State, r.Active)
		}
	})
	t.Run("VIPs come and go", func(t *testing.T) {
		web := w.vip("web", w.VIP(0), 80, two(1, 2))
		w.configure(web, w.vip("more", w.VIP(1), 80), w.vip("more6", w.VIP6(1), 80))
		if s := w.hup(); s.ConfigError != "" {
			t.Fatal(s.ConfigError)
		}
		w.ready()
		for _, vip := range []netip.Addr{w.VIP(1), w.VIP6(1)} {
			if got := reached(t, w, vip); len(got) != 3 {
				t.Errorf("Connections to %s go to %v", vip, got)
			}
		}
		w.configure(web)
		if s := w.hup(); s.ConfigError != "" || len(s.VIPs) != 1 {
			t.Fatalf("%d VIPs, %s", len(s.VIPs), s.ConfigError)
		}
		out, err := w.Director.Command("ip", "addr").CombinedOutput()
		if gone := w.VIP(1).String(); err != nil || strings.Contains(string(out), gone) || strings.Contains(string(out), w.VIP6(1).String()) {
			t.Errorf("The addresses are still there: %v\n%s", err, out)
		}
	})
	stats := flows.Close()
	t.Log(stats)
	if stats.Open != 40 || stats.Resent > 0 {
		t.Errorf("Flows were harmed: %v", stats)
	}
}

func badFile(t *testing.T, w *world) {
	good, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(good), w.VIP(0).String(), "10.200.0.300", 1)
	line := 1 + strings.Count(bad[:strings.Index(bad, "10.200.0.300")], "\n")
	w.write(bad)
	before := w.status()
	s := w.hup()
	if want := fmt.Sprintf("%s:%d: ", w.file, line); !strings.Contains(s.ConfigError, want) || s.ConfigFailed.IsZero() {
		t.Errorf("The status says %q at %v, want %s", s.ConfigError, s.ConfigFailed, want)
	}
	if !s.ConfigLoaded.Equal(before.ConfigLoaded) || len(s.VIPs) != 1 || s.VIPs[0].Error != "" {
		t.Errorf("Something changed: %+v", s)
	}
	if got := reached(t, w, w.VIP(0)); got["s1"] == 0 || got["s2"] == 0 {
		t.Errorf("Connections go to %v", got)
	}
	w.write(string(good))
	if s := w.hup(); s.ConfigError != "" || !s.ConfigFailed.IsZero() {
		t.Errorf("After it was put right, the status says %q at %v", s.ConfigError, s.ConfigFailed)
	}
}

func restartNeeded(t *testing.T, w *world) {
	good, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	w.write(strings.Replace(string(good), "connections = 16384", "connections = 32768", 1))
	if s := w.hup(); !strings.Contains(s.ConfigError, "connections changed from 16384 to 32768, which needs a restart") {
		t.Errorf("The status says %q", s.ConfigError)
	}
	w.write(string(good))
	w.hup()
}

// reached counts the servers that answer a few connections.
func reached(t *testing.T, w *world, vip netip.Addr) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range 9 {
		got[serverOf(t, w, netip.AddrPort{}, at(vip, 80))]++
	}
	return got
}

// TestInterfaceThatReturns is attached whenever it is there.
func TestInterfaceThatReturns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{Servers: 1})
	w.echoes(80)
	w.write(fmt.Sprintf("interfaces = [\"d0\", \"br0\", \"x0\"]\ncontrol = %q\nstate = %q\nconnections = 4096\n%s",
		w.socket(), w.state(), w.vip("web", w.VIP(0), 80)))
	w.start()
	attached := func(want bool) control.InterfaceStatus {
		t.Helper()
		var x control.InterfaceStatus
		w.await(fmt.Sprintf("x0 attached = %t", want), func(s control.DirectorStatus) error {
			if x = s.Interfaces[2]; x.Attached != want {
				return fmt.Errorf("%+v", x)
			}
			return nil
		})
		return x
	}
	if x := attached(false); !strings.Contains(x.Error, "x0") || x.Index != 0 {
		t.Errorf("Of an interface that is not there the status says %+v", x)
	}
	first := 0
	for range 2 {
		ip(t, w.Director, "link", "add", "x0", "type", "veth", "peer", "name", "x1")
		x := attached(true)
		if x.Index == 0 || x.Index == first || programsAt(t, w.Director, "x0") != 1 {
			t.Errorf("%+v, which was %d before, has %d programs", x, first, programsAt(t, w.Director, "x0"))
		}
		first = x.Index
		ip(t, w.Director, "link", "del", "x0")
		attached(false)
	}
	if got := reached(t, w, w.VIP(0)); got["s1"] != 9 {
		t.Errorf("Meanwhile connections go to %v", got)
	}
}

// TestServersInterfaceThatReturns: the bridge itself goes down and comes back.
func TestServersInterfaceThatReturns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, quick, `slow_start = "0s"`))
	w.start()
	if err := w.Director.SetLink("br0", false); err != nil {
		t.Fatal(err)
	}
	w.await("the servers to be out of reach", unwell)
	if err := w.Director.SetLink("br0", true); err != nil {
		t.Fatal(err)
	}
	w.ready()
	if got := reached(t, w, w.VIP(0)); len(got) != 3 {
		t.Errorf("Then connections go to %v", got)
	}
}

// TestAddressInUse: another station has the VIP. It is told, the rest goes on,
// and the address is taken when it is free.
func TestAddressInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{Servers: 1})
	w.echoes(80)
	taken := []netip.Prefix{netip.PrefixFrom(w.VIP(5), 24), netip.PrefixFrom(w.VIP6(5), 64)}
	for _, p := range taken {
		if err := w.Client.AddAddr("c0", p); err != nil {
			t.Fatal(err)
		}
	}
	w.configure(w.vip("web", w.VIP(0), 80), w.vip("taken", w.VIP(5), 80), w.vip("taken6", w.VIP6(5), 80))
	w.launch()
	w.await("the conflict to be told", func(s control.DirectorStatus) error {
		if len(s.VIPs) != 3 {
			return fmt.Errorf("%d VIPs", len(s.VIPs))
		}
		mac, err := w.Client.HardwareAddr("c0")
		if err != nil {
			return err
		}
		for _, v := range s.VIPs[1:] {
			if !strings.Contains(v.Error, mac.String()) {
				return fmt.Errorf("vip %s: %q does not name %s", v.Name, v.Error, mac)
			}
		}
		if s.VIPs[0].Error != "" {
			return fmt.Errorf("vip web: %s", s.VIPs[0].Error)
		}
		return nil
	})
	if got := reached(t, w, w.VIP(0)); got["s1"] != 9 {
		t.Errorf("Connections to the other VIP go to %v", got)
	}
	for _, p := range taken {
		if err := w.Client.DelAddr("c0", p); err != nil {
			t.Fatal(err)
		}
	}
	w.ready()
	for _, vip := range []netip.Addr{w.VIP(5), w.VIP6(5)} {
		if got := reached(t, w, vip); got["s1"] != 9 {
			t.Errorf("Connections to %s, which is free now, go to %v", vip, got)
		}
	}
}
