//go:build linux

package director_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestRestartUnderLoad ends the director in both ways while flows exchange
// bytes and connections are opened, and starts it again, the second time with
// a larger table.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	processes(t, w, 80)
	vips := w.vip("web", w.VIP(0), 80, `scheduler = "rr"`) + w.vip("web6", w.VIP6(0), 80)
	w.configure(vips)
	w.start()
	count := 1000
	flows, err := lab.Flows{From: w.Client, Addr: at(w.VIP(0), 80), Count: count}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer flows.Close()
	stop := watchStalls()
	var report lab.Report
	var loading sync.WaitGroup
	loading.Go(func() {
		report = lab.Load{From: w.Client, Addr: at(w.VIP6(0), 80), For: 5 * time.Second}.Run(t.Context())
	})
	before := w.status()
	time.Sleep(500 * time.Millisecond)
	w.kill()
	time.Sleep(time.Second)
	w.start()
	t.Log("It was killed, and started again")
	w.stop()
	time.Sleep(time.Second)
	w.configure("connections = 32768\n", vips)
	w.start()
	after := w.status()
	loading.Wait()
	stats := flows.Close()
	t.Logf("Flows: %v", stats)
	t.Logf("Connections: %d, %d failed, slowest %v", len(report), len(report.Failed()), report.Slowest())
	if stats.Open != count || len(stats.Lost) > 0 || stats.Resent > 0 {
		t.Errorf("Flows were harmed: %v", stats)
	}
	if len(report.Failed()) > 0 || report.Slowest()-3*stop() > 500*time.Millisecond {
		t.Errorf("Connections were harmed: %v", report)
	}
	compareTotals(t, before, after)
}

// compareTotals sees that what was counted before a restart still is.
func compareTotals(t *testing.T, before, after control.DirectorStatus) {
	t.Helper()
	if before.PID == after.PID || !after.Started.After(before.Started) {
		t.Errorf("The same director, %d, from %v, as before", after.PID, after.Started)
	}
	for i, v := range before.VIPs {
		if now := after.VIPs[i].Totals.Conns; now < v.Totals.Conns {
			t.Errorf("%s: %d connections in all, %d before", v.Name, now, v.Totals.Conns)
		}
	}
	if after.Table.Connections < 1000 || after.Table.Capacity != 2*before.Table.Capacity {
		t.Errorf("The table has %d connections of %d", after.Table.Connections, after.Table.Capacity)
	}
}

// processes starts a test server of its own process at each server.
func processes(t *testing.T, w *world, port int) {
	t.Helper()
	for _, s := range w.Servers {
		p, err := s.StartEchoProcess(port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
	}
}

// TestServerDiesWhileTheDirectorIsAway: the datapath moves connections by
// itself, and the director finds out when it returns.
func TestServerDiesWhileTheDirectorIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80)
	w.configure(w.vip("web", w.VIP(0), 80, quick, `silence = "500ms"`))
	w.start()
	all := idlers(t, w, at(w.VIP(0), 80), 15)
	w.kill()
	echoes[0].Stop()
	if err := w.Servers[1].Silence(); err != nil {
		t.Fatal(err)
	}
	r := lab.Load{From: w.Client, Addr: at(w.VIP(0), 80), For: time.Second}.Run(t.Context())
	t.Logf("Without a director: %d connections, %d failed, slowest %v, %v", len(r), len(r.Failed()), r.Slowest(), r.Servers())
	if len(r.Failed()) > 0 || r.Servers()["s3"] != len(r) {
		t.Errorf("Without a director: %v", r)
	}
	if err := w.Servers[1].Vanish(); err != nil {
		t.Fatal(err)
	}
	echoes[0].Start()
	w.launch()
	w.server("web", w.Servers[1], control.RealDown)
	fates(t, all, "s2", 5*time.Second)
}

// TestUnloadRemovesEverything, may be done twice, and not under a director.
func TestUnloadRemovesEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	bare := attachments(t, w)
	w.configure(w.vip("web", w.VIP(0), 80), w.vip("web6", w.VIP6(0), 80))
	w.start()
	if out, err := w.run("unload", "-config", w.file); err == nil {
		t.Errorf("It unloads what a director uses: %s", out)
	}
	if r := (lab.Load{From: w.Client, Addr: at(w.VIP(0), 80), For: 200 * time.Millisecond}.Run(t.Context())); len(r.Failed()) > 0 {
		t.Errorf("After that: %v", r)
	}
	w.stop()
	if now := attachments(t, w); now == bare || !strings.Contains(now, w.VIP(0).String()) {
		t.Errorf("Of a director that has ended is left:\n%s", now)
	}
	for range 2 {
		if out, err := w.run("unload", "-config", w.file); err != nil {
			t.Errorf("Unload: %v, %s", err, out)
		}
		if now := attachments(t, w); now != bare {
			t.Errorf("After unload there is\n%swhere before there was\n%s", now, bare)
		}
	}
	w.start() // from nothing
	if r := (lab.Load{From: w.Client, Addr: at(w.VIP(0), 80), For: 200 * time.Millisecond}.Run(t.Context())); len(r.Failed()) > 0 {
		t.Errorf("After starting again: %v", r)
	}
}

// attachments are what a director leaves in the kernel: addresses of its
// interfaces, programs at them, and pins.
func attachments(t *testing.T, w *world) string {
	t.Helper()
	var all strings.Builder
	for _, family := range []string{"-4", "-6"} {
		out, err := w.Director.Command("ip", "-o", family, "addr").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			all.WriteString(strings.Join(strings.Fields(line)[1:4], " ") + "\n")
		}
	}
	for _, name := range []string{"d0", "br0"} {
		fmt.Fprintf(&all, "%s: %d programs\n", name, programsAt(t, w.Director, name))
	}
	entries, err := os.ReadDir(w.BPF())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all.WriteString(e.Name() + "\n")
	}
	return all.String()
}
