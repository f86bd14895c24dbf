//go:build linux

package paired

import (
	"context"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// ttl is that of a VIP's check: how long a director may say nothing.
const ttl = 10 * time.Second

// traffic goes through a VIP until its end is called, which tells of any harm.
func (s *stage) traffic(t *testing.T, v vip) (end func()) {
	t.Helper()
	address := v.Address + ":80"
	flows, err := lab.Flows{From: s.lab.Client, Addr: address, Count: 50, Every: 200 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan lab.Report, 1)
	go func() { reports <- lab.Load{From: s.lab.Client, Addr: address, Rate: 30, For: time.Minute}.Run(ctx) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		report, stats := <-reports, flows.Close()
		t.Logf("%d new connections, slowest %v; flows: %v", len(report), report.Slowest(), stats)
		if failed := report.Failed(); len(failed) > 0 {
			t.Errorf("%d of %d connections failed: %v", len(failed), len(report), failed[0])
		}
		if stats.Open != 50 {
			t.Errorf("Flows: %v", stats)
		}
	}
	t.Cleanup(end)
	return end
}

func TestDirectorLeaves(t *testing.T) {
	t.Parallel()
	s := setUp(t, onePool, oneVIP)
	web := s.vips[0]
	there := func() error { return s.answers("www", web.Address) }
	gone := func() error { return s.answers("www") }
	s.within(t, 10*time.Second, "the VIP is the answer", there)
	end := s.traffic(t, web)

	s.stop(t, "director")
	s.within(t, 3*time.Second, "stopped: the VIP leaves the answers", gone)
	s.startDirector(t)
	s.within(t, 10*time.Second, "started: it returns", there)

	s.programs["director"].Kill()
	s.startDirector(t)
	for until := time.Now().Add(ttl + time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if err := there(); err != nil {
			t.Fatalf("Killed and started again at once: %v", err)
		}
	}

	s.programs["director"].Kill()
	if took := s.within(t, ttl+5*time.Second, "killed: the VIP leaves the answers", gone); took < ttl/2 {
		t.Errorf("Who is killed and soon started again should not leave for that, but left after %v", took)
	}
	s.startDirector(t)
	s.within(t, 10*time.Second, "started: it returns", there)
	end()
}
