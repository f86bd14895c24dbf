//go:build linux

package director_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/test/lab"
)

// idle is a connection on which nobody says anything: all that can come is its
// end.
type idle struct {
	conn   net.Conn
	server string
	ended  chan error // what Read returned, once
}

// idlers opens connections and waits for their servers' names.
func idlers(t *testing.T, w *world, addr string, count int) []*idle {
	t.Helper()
	var all []*idle
	for range count {
		one, err := newIdle(t, w, addr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// together opens them all at once.
func together(t *testing.T, w *world, addr string, count int) []*idle {
	all := make([]*idle, count)
	var opening sync.WaitGroup
	for i := range all {
		opening.Go(func() {
			var err error
			if all[i], err = newIdle(t, w, addr); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	return slices.DeleteFunc(all, func(one *idle) bool { return one == nil })
}

func newIdle(t *testing.T, w *world, addr string) (*idle, error) {
	conn, name, err := greet(t.Context(), w, netip.AddrPort{}, addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Time{}) // it is open
	one := &idle{conn, name, make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := conn.Read(make([]byte, 1))
		one.ended <- err
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return one, nil
}

// fates waits until those of one server were reset, and says how long the last
// took. The others must live, now and by an echo.
func fates(t *testing.T, all []*idle, server string, within time.Duration) time.Duration {
	t.Helper()
	begun, count := time.Now(), 0
	deadline := time.After(within)
	for _, one := range all {
		if one.server != server {
			continue
		}
		count++
		select {
		case err := <-one.ended:
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s ended with %v", one.conn.LocalAddr(), err)
			}
		case <-deadline:
			t.Fatalf("%s lives after %v", one.conn.LocalAddr(), within)
		}
	}
	took := time.Since(begun)
	if count == 0 || count == len(all) {
		t.Fatalf("%d of %d connections were with %s", count, len(all), server)
	}
	alive(t, all, server)
	return took
}

// alive sees that all but those of one server still work.
func alive(t *testing.T, all []*idle, but string) {
	t.Helper()
	for _, one := range all {
		if one.server == but {
			continue
		}
		if _, err := one.conn.Write([]byte("!")); err != nil {
			t.Errorf("%s of %s: %v", one.conn.LocalAddr(), one.server, err)
			continue
		}
		select {
		case err := <-one.ended: // of Read: nil is an echo
			if err != nil {
				t.Errorf("%s of %s: %v", one.conn.LocalAddr(), one.server, err)
			}
		case <-time.After(limit):
			t.Errorf("%s of %s does not answer", one.conn.LocalAddr(), one.server)
		}
	}
}

// TestDeadServersConnections has a server die, and looks at its connections,
// on which nobody speaks.
func TestDeadServersConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80, 81, 82)
	const keeps = `on_failure = "drain"`
	w.configure(
		w.vip("silent", w.VIP(0), 80, quick, `on_failure = "reset-if-silent"`, `silence = "1s"`),
		w.vip("silent6", w.VIP6(0), 80, quick, `on_failure = "reset-if-silent"`, `silence = "1s"`),
		w.vip("reset", w.VIP(0), 81, quick, `on_failure = "reset"`),
		w.vip("drain", w.VIP(0), 82, quick, keeps))
	w.start()
	silent := idlers(t, w, at(w.VIP(0), 80), 15)
	silent6 := idlers(t, w, at(w.VIP6(0), 80), 15)
	reset := idlers(t, w, at(w.VIP(0), 81), 15)
	drain := idlers(t, w, at(w.VIP(0), 82), 15)
	died := time.Now()
	if err := w.Servers[0].Silence(); err != nil {
		t.Fatal(err)
	}
	fates(t, reset, "s1", 5*time.Second)
	t.Logf("reset: told %v after the server's death", time.Since(died))
	fates(t, silent, "s1", 5*time.Second)
	t.Logf("reset-if-silent, 1 s: told %v after the server's death", time.Since(died))
	fates(t, silent6, "s1", 5*time.Second)
	t.Logf("reset-if-silent, 1 s, IPv6: told %v after the server's death", time.Since(died))
	w.server("drain", w.Servers[0], control.RealDown)
	if err := w.Servers[0].Restore(); err != nil {
		t.Fatal(err)
	}
	alive(t, drain, "") // those of s1 too, as it is back
}

// TestServerThatSpeaksKeepsItsConnections: its port is closed, and by its
// checks it is down; but it still answers those it has.
func TestServerThatSpeaksKeepsItsConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, quick, `silence = "500ms"`))
	w.start()
	flows, err := lab.Flows{From: w.Client, Addr: at(w.VIP(0), 80), Count: 60, Every: 100 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer flows.Close()
	echoes[0].Stop()
	w.server("web", w.Servers[0], control.RealDown)
	time.Sleep(1500 * time.Millisecond) // as long as it would take to be reset
	stats := flows.Close()
	t.Log(stats)
	if stats.Open != 60 || stats.Servers["s1"] != 20 {
		t.Errorf("Not all flows live on: %v", stats)
	}
}

// TestBusyFlowsOfADeadServer sees flows on which the client speaks told at
// once, those of others not disturbed, and a new connection in their place.
func TestBusyFlowsOfADeadServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, quick, `silence = "1s"`))
	w.start()
	flows, err := lab.Flows{From: w.Client, Addr: at(w.VIP(0), 80), Count: 60, Every: 100 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer flows.Close()
	if err := w.Servers[0].Vanish(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	eventually(t, "the dead server's flows to be reset", func() error {
		if n := flows.Stats().Lost[lab.Reset]; n != 20 {
			return errors.New(flows.Stats().String())
		}
		return nil
	})
	t.Logf("All were reset %v after the server vanished", time.Since(begun))
	stats := flows.Close()
	if stats.Open != 40 || len(stats.Lost) != 1 {
		t.Errorf("Others were harmed: %v", stats)
	}
}

// TestDrainDeadline: what a drained server still has then is reset.
func TestDrainDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80))
	w.start()
	all := idlers(t, w, at(w.VIP(0), 80), 15)
	deadline := time.Now().Add(1200 * time.Millisecond)
	order, err := w.control.Drain(t.Context(), control.DrainOrder{Server: w.Servers[0].Addr.String(), Deadline: deadline})
	if err != nil || order.Connections != 5 {
		t.Fatalf("The drain has %d connections, %v", order.Connections, err)
	}
	r := w.server("web", w.Servers[0], control.RealDraining)
	if r.Active != 5 || !r.DrainDeadline.Equal(deadline) {
		t.Errorf("It says %d connections until %v", r.Active, r.DrainDeadline)
	}
	fates(t, all, "s1", 5*time.Second)
	if late := time.Since(deadline); late < 0 || late > 2*time.Second {
		t.Errorf("They were reset %v after the deadline", late)
	} else {
		t.Logf("They were reset %v after the deadline", late)
	}
}

// TestAnotherBootID: the server was started anew so fast that no check saw it.
// Its old connections are over, and their clients told.
func TestAnotherBootID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	var boots [3]atomic.Pointer[string]
	for i, s := range w.Servers {
		boots[i].Store(new("first"))
		reportBoot(t, s, &boots[i])
	}
	w.configure(w.vip("web", w.VIP(0), 80, `reports { port = 9155, interval = "200ms" }`))
	w.start()
	w.await("reports", func(s control.DirectorStatus) error {
		for _, r := range s.VIPs[0].Servers {
			if r.Load == nil || r.LoadAge.Duration() > limit {
				return errors.New("there is none of " + r.ID)
			}
		}
		return nil
	})
	all := idlers(t, w, at(w.VIP(0), 80), 15)
	boots[0].Store(new("second"))
	begun := time.Now()
	fates(t, all, "s1", 5*time.Second)
	t.Logf("They were reset %v after the boot id changed", time.Since(begun))
	for _, one := range idlers(t, w, at(w.VIP(0), 80), 3) {
		if _, err := one.conn.Write([]byte("!")); err != nil || <-one.ended != nil {
			t.Errorf("A new connection to %s does not work", one.server)
		}
	}
}

// reportBoot answers for an agent.
func reportBoot(t *testing.T, s *lab.Server, boot *atomic.Pointer[string]) {
	t.Helper()
	listener, err := s.Listen(t.Context(), "tcp", ":9155")
	if err != nil {
		t.Fatal(err)
	}
	var seq atomic.Uint64
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(pool.Report{Load: 0.1, Boot: *boot.Load(), Seq: seq.Add(1), Health: pool.Passing})
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // until Shutdown
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		serving.Wait()
	})
}
