//go:build linux

package director_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// happened is when the fault comes, in the load's time.
const happened = 700 * time.Millisecond

// outcome is what became of a load.
type outcome struct {
	reports map[string]lab.Report // by family
	known   time.Duration         // when the fault had happened, in the load's time
	stall   time.Duration         // the longest that this process waited for a CPU meanwhile
}

// loads opens 100 connections a second to both VIPs and does something on the
// way.
func loads(t *testing.T, w *world, length time.Duration, fault func() error) outcome {
	t.Helper()
	o := outcome{reports: make(map[string]lab.Report)}
	stop := watchStalls()
	var mu sync.Mutex
	var running sync.WaitGroup
	begun := time.Now()
	for family, addr := range map[string]string{"IPv4": at(w.VIP(0), 80), "IPv6": at(w.VIP6(0), 80)} {
		running.Go(func() {
			report := lab.Load{From: w.Client, Addr: addr, For: length}.Run(t.Context())
			mu.Lock()
			defer mu.Unlock()
			o.reports[family] = report
		})
	}
	time.Sleep(happened)
	err := fault()
	o.known = time.Since(begun)
	running.Wait()
	o.stall = stop()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// watchStalls finds out how long this process has to wait for a CPU at most,
// until it is stopped.
func watchStalls() (stop func() time.Duration) {
	const nap = 5 * time.Millisecond
	end, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		ticker := time.NewTicker(nap)
		defer ticker.Stop()
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-end:
				longest <- most
				return
			case <-ticker.C:
				most = max(most, time.Since(last)-nap)
			}
		}
	}()
	return func() time.Duration { close(end); return <-longest }
}

// unborn are the connections that did not open. What was open already when the
// server died, perhaps not accepted yet, cannot be saved by anybody between. An
// ICMP error about its first ACK looks to the client like a failure to connect,
// since SO_ERROR tells soft errors (RFC 5461) as well.
func (o outcome) unborn(family string) lab.Report {
	return slices.DeleteFunc(slices.Clone(o.reports[family].Failed()), func(a lab.Attempt) bool {
		return a.At <= o.known && (a.Connect > 0 || a.Fault == lab.Unreached)
	})
}

// most is how long nearly all connections may take, and all.
type most struct{ nearly, all time.Duration }

var (
	atOnce   = most{100 * time.Millisecond, 200 * time.Millisecond}
	oneRetry = most{1200 * time.Millisecond, 1500 * time.Millisecond}
)

// judge demands that all opened, in time. On a machine with other work that is
// so much longer as some wait for a CPU: both ends and the director may.
func (o outcome) judge(t *testing.T, limit most) {
	t.Helper()
	for _, family := range slices.Sorted(maps.Keys(o.reports)) {
		r := o.reports[family]
		t.Logf("%s: %d connections, %d failed; median %v, 99 %% %v, slowest %v (stalls of %v); %v", family, len(r), len(r.Failed()),
			r.Percentile(0.5), r.Percentile(0.99), r.Slowest(), o.stall, r.Servers())
		for _, a := range o.unborn(family) {
			t.Errorf("%s: %v", family, a)
		}
		if r.Percentile(0.97) > limit.nearly+3*o.stall || r.Slowest() > limit.all+3*o.stall {
			t.Errorf("%s: it took longer than %v", family, limit)
		}
	}
}

// pair is a world with a VIP of each family and three servers.
func pair(t *testing.T, settings ...string) (*world, []*lab.Echo) {
	t.Helper()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, settings...), w.vip("web6", w.VIP6(0), 80, settings...))
	w.start()
	return w, echoes
}

func TestFailover(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   func(w *world, echo *lab.Echo) error
		limit   most
		counted string
	}{
		{"port closed", func(_ *world, e *lab.Echo) error { e.Stop(); return nil }, atOnce, "retry_reset"},
		{"silent", func(w *world, _ *lab.Echo) error { return w.Servers[0].Silence() }, oneRetry, "retry_silent"},
		{"unplugged", func(w *world, _ *lab.Echo) error { return w.Servers[0].Vanish() }, oneRetry, "retry_silent"},
		{"host unreachable", rejects(lab.HostUnreachable), atOnce, "retry_unreachable"},
		{"port unreachable", rejects(lab.PortUnreachable), atOnce, "retry_unreachable"},
		{"administratively prohibited", rejects(lab.AdminProhibited), atOnce, "retry_unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, echoes := pair(t)
			o := loads(t, w, 3*time.Second, func() error { return c.fault(w, echoes[0]) })
			o.judge(t, c.limit)
			for family, r := range o.reports {
				late := r.Between(o.known+1500*time.Millisecond, time.Minute).Servers()
				if late["s1"] > 0 || late["s2"] == 0 || late["s3"] == 0 {
					t.Errorf("%s: in the end they went to %v", family, late)
				}
			}
			for _, vip := range []string{"web", "web6"} {
				if w.reason(vip, c.counted) == 0 {
					t.Errorf("%s: no connection was moved: %s is 0", vip, c.counted)
				}
			}
		})
	}
}

func rejects(with lab.Unreachable) func(*world, *lab.Echo) error {
	return func(w *world, _ *lab.Echo) error { return w.Servers[0].Reject(with) }
}

func TestDrainTakesNothingNewAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	w, _ := pair(t)
	flows, err := lab.Flows{From: w.Client, Addr: at(w.VIP(0), 80), Count: 60, Every: 200 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer flows.Close()
	o := loads(t, w, 2*time.Second, func() error {
		o, err := w.control.Drain(t.Context(), control.DrainOrder{Server: w.Servers[0].Addr.String(), By: "test"})
		if err == nil && (o.Matches != 1 || o.Connections < 15) {
			t.Errorf("The drain matches %d servers with %d connections", o.Matches, o.Connections)
		}
		w.server("web", w.Servers[0], control.RealDraining)
		return err
	})
	o.judge(t, atOnce)
	late := o.reports["IPv4"].Between(o.known, time.Minute).Servers()
	if late["s1"] > 0 {
		t.Errorf("The drained server got %d connections", late["s1"])
	}
	if other := o.reports["IPv6"].Servers(); other["s1"] == 0 {
		t.Errorf("The drain of an IPv4 address took the IPv6 one out: %v", other)
	}
	r, err := realOf(w.status(), "web", w.Servers[0])
	if err != nil || r.State != control.RealDraining || r.Active < 15 {
		t.Errorf("The drained server is %s with %d connections, %v", r.State, r.Active, err)
	}
	stats := flows.Close()
	t.Log(stats)
	if stats.Open != 60 || stats.Servers["s1"] < 15 || stats.Resent > 0 {
		t.Errorf("Not all flows live on: %v", stats)
	}
	if n, err := w.control.Undrain(t.Context(), w.Servers[0].Addr.String(), ""); n != 1 || err != nil {
		t.Errorf("Undrain: %d, %v", n, err)
	}
	w.server("web", w.Servers[0], control.RealUp)
}

// TestReturnIsARamp lets a server return under load: it gets its share little
// by little, although it has the fewest connections of all.
func TestReturnIsARamp(t *testing.T) {
	t.Parallel()
	w, echoes := pair(t, quick, `slow_start = "3s"`)
	echoes[0].Stop()
	w.server("web", w.Servers[0], control.RealDown)
	w.server("web6", w.Servers[0], control.RealDown)
	o := loads(t, w, 4500*time.Millisecond, echoes[0].Start)
	o.judge(t, atOnce)
	for family, r := range o.reports {
		var shares []float64
		for from := happened; from < 4*time.Second; from += 500 * time.Millisecond {
			part := r.Between(from, from+500*time.Millisecond)
			shares = append(shares, float64(part.Servers()["s1"])/float64(len(part)))
		}
		t.Logf("%s: shares of the server that returns, by half seconds: %.2f", family, shares)
		if shares[1] > 0.25 || slices.Max(shares) > 0.55 {
			t.Errorf("%s: a herd on the server that returns: %.2f", family, shares)
		}
		if last := shares[len(shares)-1]; last < 0.2 {
			t.Errorf("%s: the server has no part in the end: %.2f", family, shares)
		}
	}
}

// TestAllRefuse: nothing is left to try, so the client is told at once.
func TestAllRefuse(t *testing.T) {
	t.Parallel()
	w, echoes := pair(t, quick)
	for _, e := range echoes {
		e.Stop()
	}
	refused(t, w, "at once")
	w.await("all to be seen down", unwell)
	refused(t, w, "once that is known")
	for _, s := range w.Servers {
		if err := s.Reject(lab.HostUnreachable); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, w, "by ICMP")
	for _, s := range w.Servers {
		if err := s.Restore(); err != nil {
			t.Fatal(err)
		}
	}
	if err := echoes[1].Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one server to be enough", func() error {
		r := lab.Load{From: w.Client, Addr: at(w.VIP(0), 80), For: 100 * time.Millisecond}.Run(t.Context())
		if len(r.Failed()) > 0 {
			return errors.New(r.String())
		}
		return nil
	})
}

// unwell wants the checks of all servers to fail. They may be presumed alive
// all the same, as nobody is.
func unwell(s control.DirectorStatus) error {
	for _, v := range s.VIPs {
		for _, r := range v.Servers {
			if !strings.Contains(r.Reason, "critical") {
				return fmt.Errorf("%s is %s: %s", r.ID, r.State, r.Reason)
			}
		}
	}
	return nil
}

func refused(t *testing.T, w *world, when string) {
	t.Helper()
	for family, addr := range map[string]string{"IPv4": at(w.VIP(0), 80), "IPv6": at(w.VIP6(0), 80)} {
		begun, stop := time.Now(), watchStalls()
		r := lab.Load{From: w.Client, Addr: addr, Rate: 40, For: 250 * time.Millisecond}.Run(t.Context())
		if n := r.Faults()[lab.Refused]; n != len(r) {
			t.Errorf("%s, %s: %d of %d refused: %v", when, family, n, len(r), r)
		}
		if took := time.Since(begun) - 3*stop(); took > 600*time.Millisecond {
			t.Errorf("%s, %s: it took %v to be refused", when, family, took)
		}
	}
}

// TestFallback: less than the quorum are alive, so the fallback server serves,
// until there are enough again.
func TestFallback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, quick, "quorum = 2", `slow_start = "0s"`, fmt.Sprintf("servers = [%q, %q]\nfallback = [%q]",
		w.Servers[0].Addr, w.Servers[1].Addr, w.Servers[2].Addr)))
	w.start()
	serving := func(fallback bool) func(control.DirectorStatus) error {
		return func(s control.DirectorStatus) error {
			if v := s.VIPs[0]; v.Fallback != fallback || v.Quorum.Met == fallback {
				return fmt.Errorf("fallback is %t, quorum %+v, %s", v.Fallback, v.Quorum, v.Error)
			}
			return nil
		}
	}
	for range 2 {
		w.await("the servers proper to serve", serving(false))
		if got := reached(t, w, w.VIP(0)); got["s1"] == 0 || got["s2"] == 0 || got["s3"] > 0 {
			t.Errorf("With quorum connections go to %v", got)
		}
		echoes[0].Stop()
		w.await("the fallback server to serve", serving(true))
		if got := reached(t, w, w.VIP(0)); got["s3"] != 9 {
			t.Errorf("Without quorum connections go to %v", got)
		}
		if err := echoes[0].Start(); err != nil {
			t.Fatal(err)
		}
	}
}
