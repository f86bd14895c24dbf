//go:build linux

package director_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestUDPMovesAtOnce: a client that goes on from the same port is answered by
// another server as soon as its own is known to be dead.
func TestUDPMovesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	const udp = `protocol = "udp"`
	w.configure(
		w.vip("udp", w.VIP(0), 80, udp, `scheduler = "rr"`, quick, `slow_start = "0s"`),
		w.vip("udp6", w.VIP6(0), 80, udp, `scheduler = "rr"`, quick, `slow_start = "0s"`))
	w.start()
	for name, addr := range map[string]string{"IPv4": at(w.VIP(0), 80), "IPv6": at(w.VIP6(0), 80)} {
		flows, err := lab.Flows{
			From: w.Client, Network: "udp", Addr: addr, Count: 30, Every: 50 * time.Millisecond, Timeout: time.Second,
		}.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer flows.Close()
		if stats := flows.Stats(); stats.Servers["s1"] != 10 {
			t.Fatalf("%s: before: %v", name, stats)
		}
		if err := w.Servers[0].Silence(); err != nil {
			t.Fatal(err)
		}
		w.server(map[string]string{"IPv4": "udp", "IPv6": "udp6"}[name], w.Servers[0], control.RealDown)
		time.Sleep(1200 * time.Millisecond) // what was missed before is counted
		before := flows.Stats()
		time.Sleep(time.Second)
		after := flows.Close()
		t.Logf("%s: %d datagrams missed until the server was known dead, %d after", name, before.Missed, after.Missed-before.Missed)
		if after.Missed > before.Missed || before.Missed == 0 || after.Open != 30 {
			t.Errorf("%s: before the verdict %v, after it %v", name, before, after)
		}
		if err := w.Servers[0].Restore(); err != nil {
			t.Fatal(err)
		}
		w.server("udp", w.Servers[0], control.RealUp)
		w.server("udp6", w.Servers[0], control.RealUp)
	}
	if w.reason("udp", "moved") < 10 || w.reason("udp6", "moved") < 10 {
		t.Error("No connection was counted as moved")
	}
}

// TestUDPPortUnreachable: a server that refuses datagrams is left without any
// check.
func TestUDPPortUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80)
	w.configure(w.vip("udp", w.VIP(0), 80, `protocol = "udp"`, `scheduler = "rr"`))
	w.start()
	echoes[0].Stop()
	eventually(t, "new clients to be spared the server", func() error {
		r := lab.Load{From: w.Client, Network: "udp", Addr: at(w.VIP(0), 80), Rate: 100, For: 300 * time.Millisecond, Timeout: 200 * time.Millisecond}.Run(t.Context())
		if len(r.Failed()) > 0 {
			return errors.New(r.String())
		}
		return nil
	})
	r, err := realOf(w.status(), "udp", w.Servers[0])
	if err != nil || r.State != control.RealEjected || r.Unreachable < 5 {
		t.Errorf("The server is %s with %d unreachable, %v", r.State, r.Unreachable, err)
	}
}
