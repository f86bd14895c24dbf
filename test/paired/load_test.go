//go:build linux

package paired

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestReports sees what the director makes of agents' reports. To Consul the
// agents publish no load after the first.
func TestReports(t *testing.T) {
	t.Parallel()
	s := setUp(t, onePool, func(l *lab.Lab) []vip {
		return []vip{{Name: "web", Address: l.VIP(0).String(), Scheduler: "load"}}
	})
	share := func(t *testing.T, of string) float64 {
		t.Helper()
		report := lab.Load{From: s.lab.Client, Addr: s.vips[0].Address + ":80", For: 3 * time.Second, Hold: time.Second}.Run(t.Context())
		if failed := report.Failed(); len(failed) > 0 {
			t.Errorf("%d connections failed: %v", len(failed), failed[0])
		}
		t.Logf("new connections: %v", report.Servers())
		return float64(report.Servers()[of]) / float64(len(report))
	}

	t.Run("a loaded server gets fewer new connections", func(t *testing.T) {
		s.load(t, 0, 0.8)
		s.within(t, 10*time.Second, "the director weighs s1 by its load", func() error {
			r, err := s.server(t, 0)
			if err == nil && (r.Load == nil || *r.Load < 0.75 || r.Weight > 0.35) {
				err = fmt.Errorf("weight %v, %s", r.Weight, r.Reason)
			}
			return err
		})
		// Headroom 0.325 of 2.325: a share of 0.14.
		if got := share(t, "s1"); got < 0.05 || got > 0.22 {
			t.Errorf("s1 gets %.2f of the new connections, want 0.14 or so", got)
		}
		s.load(t, 0, 0.1)
	})
	t.Run("a drained server keeps what it has and gets nothing new", func(t *testing.T) {
		flows, err := lab.Flows{From: s.lab.Client, Addr: s.vips[0].Address + ":80", Count: 30, Every: 200 * time.Millisecond}.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.file(1, "drain"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		s.within(t, 10*time.Second, "the director drains s2", func() error { return s.state(t, 1, control.RealDraining) })
		if got := share(t, "s2"); got != 0 {
			t.Errorf("s2 gets %.2f of the new connections", got)
		}
		s.within(t, 15*time.Second, "the VIP weighs less", func() error { return s.weighs(s.vips[0], 2) })
		if stats := flows.Close(); stats.Open != 30 || stats.Servers["s2"] == 0 {
			t.Errorf("Flows from before: %v", stats)
		}
		if err := os.Remove(s.file(1, "drain")); err != nil {
			t.Fatal(err)
		}
		s.within(t, 10*time.Second, "s2 is back", func() error { return s.state(t, 1, control.RealUp) })
	})
}
