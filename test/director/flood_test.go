//go:build linux

package director_test

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// TestFlood sends SYNs of clients that do not exist, many times as many as the
// table holds. No flow breaks, and clients that do exist get through.
func TestFlood(t *testing.T) {
	w := newWorld(t, lab.Options{})
	processes(t, w, 80)
	w.configure("connections = 65536\n", w.vip("web", w.VIP(0), 80))
	w.start()
	count, syns := size(2_000, 10_000), size(200_000, 1_000_000)
	flows, err := lab.Flows{From: w.Client, Addr: at(w.VIP(0), 80), Count: count, Every: 2 * time.Second}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer flows.Close()
	var report lab.Report
	var loading sync.WaitGroup
	loading.Go(func() {
		report = lab.Load{From: w.Client, Addr: at(w.VIP(0), 80), For: 2 * time.Second}.Run(t.Context())
	})
	begun := time.Now()
	sent, err := lab.Flood{From: w.Client, VIP: netip.AddrPortFrom(w.VIP(0), 80), Count: syns, Seed: 1}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	loading.Wait()
	time.Sleep(max(0, 2500*time.Millisecond-time.Since(begun))) // every flow has spoken
	table := w.status().Table
	stats := flows.Close()
	t.Logf("%d SYNs in %v, %.0f a second", sent, took, float64(sent)/took.Seconds())
	t.Logf("Flows: %v", stats)
	good := report.Between(0, took)
	t.Logf("Other connections in that time: %d, %d failed, median %v, slowest %v", len(good), len(good.Failed()), good.Percentile(0.5), good.Slowest())
	t.Logf("Table: %+v", table)
	if stats.Open != count || len(stats.Lost) > 0 {
		t.Errorf("Flows were lost: %v", stats)
	}
	if len(report.Failed())*20 > len(report) {
		t.Errorf("%d of %d other connections failed: %v", len(report.Failed()), len(report), report.Faults())
	}
	if table.Connections > table.Capacity/2 || table.Displaced == 0 {
		t.Errorf("The flood does not displace itself: %+v", table)
	}
}
