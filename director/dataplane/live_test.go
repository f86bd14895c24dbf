package dataplane

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/test/lab"
	"github.com/cilium/ebpf"
)

// TestUpgradesUnderLoad opens the datapath again and again while connections
// are open and others are made and ended: as it is, of other sizes, and of a
// build whose maps have other layouts. The true programs run.
func TestUpgradesUnderLoad(t *testing.T) {
	l := lab.ForTest(t, lab.Options{})
	o := Options{Dir: filepath.Join(l.BPF(), "ballast"), Connections: 4096, Timeouts: Timeouts{Closing: time.Second, Reset: time.Second}}
	p := openIn(t, l, o, realSpec(t, unchanged))
	serve(t, l, p)
	vip := netip.AddrPortFrom(l.VIP(0), 80).String()

	flows, err := lab.Flows{From: l.Client, Addr: vip, Count: 100, Every: 20 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report := make(chan lab.Report)
	go func() {
		report <- lab.Load{From: l.Client, Addr: vip, Rate: 400, For: time.Minute}.Run(ctx)
	}()
	for _, step := range []struct {
		name  string
		conns int
		edit  func(map[string]*ebpf.MapSpec)
	}{
		{"as it is", 4096, unchanged},
		{"connections gain a field", 4096, grown("conns", "openings")},
		{"more connections", 16384, grown("conns", "openings")},
		{"connections lose the field", 16384, unchanged},
		{"numbers gain fields", 16384, grown("tallies", "gauges", "traffic")},
		{"all change", 32768, grown("conns", "openings", "services", "reals", "config")},
	} {
		mustClose(t, p)
		o.Connections = step.conns
		p = openIn(t, l, o, realSpec(t, step.edit))
		if conns, _ := p.Capacity(); int(conns) != step.conns {
			t.Errorf("%s: %d connections", step.name, conns)
		}
	}
	cancel()
	made := <-report
	if len(made) < 100 || len(made.Failed()) > 0 {
		t.Errorf("of %d connections failed: %v", len(made), made.Failed())
	}
	t.Logf("%d connections made, the slowest in %v; flows %+v", len(made), made.Slowest(), flows.Stats())
	if made.Slowest() >= time.Second { // after which a SYN is sent again, RFC 6298
		t.Errorf("a SYN was lost: the slowest connection took %v", made.Slowest())
	}
	if s := flows.Stats(); s.Open != 100 || len(s.Lost) > 0 {
		t.Errorf("of 100 flows: %+v", s)
	}
	consistent(t, p)
	flows.Close()
}

func realSpec(t *testing.T, edit func(map[string]*ebpf.MapSpec)) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := bpf.LoadDirector()
	if err != nil {
		t.Fatal(err)
	}
	edit(spec.Maps)
	return spec
}

func openIn(t *testing.T, l *lab.Lab, o Options, spec *ebpf.CollectionSpec) (p *Plane) {
	t.Helper()
	err := l.Director.Do(func() (err error) {
		p, err = open(o, spec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, p) })
	return p
}

// serve makes the lab's servers real ones of a VIP.
func serve(t *testing.T, l *lab.Lab, p *Plane) {
	t.Helper()
	svc := must(p.PutService(web()))(t)
	var ids []uint32
	err := l.Director.Do(func() error {
		for _, name := range []string{"d0", "br0"} {
			if err := p.Attach(name); err != nil {
				return err
			}
		}
		all, err := p.Attached()
		if err != nil {
			return err
		}
		var bridge int
		for _, a := range all {
			if a.Name == "br0" {
				bridge = a.Ifindex
			}
		}
		for _, s := range l.Servers {
			r := backend(svc, s.Addr.String())
			r.Nexthop, r.Ifindex, r.MTU = s.Addr, uint32(bridge), 1500
			id, err := p.PutReal(r)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Servers {
		echo, err := s.StartEcho(80)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(echo.Close)
	}
	if err := p.SetTables(svc, ids, ids); err != nil {
		t.Fatal(err)
	}
	if err := p.PutVIPs(svc, []VIP{{Addr: l.VIP(0), Port: 80, Proto: 6}}); err != nil {
		t.Fatal(err)
	}
	if err := l.AddVIP(l.VIP(0)); err != nil {
		t.Fatal(err)
	}
}

// consistent compares what is counted with what is in the table, when nothing
// but garbage collection goes on: it must be so at some moment.
func consistent(t *testing.T, p *Plane) {
	t.Helper()
	var problem string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if problem = inconsistency(t, p); problem == "" {
			return
		}
	}
	t.Error(problem)
}

func inconsistency(t *testing.T, p *Plane) string {
	t.Helper()
	var used, opening uint32
	var listed int
	classes := make(map[uint32][2]uint32)
	p.Conns(func(_ uint32, c bpf.Conn) bool {
		used++
		listed += len(tuplesOf(0, c))
		n := classes[c.Real]
		switch bpf.State(c.State) {
		case bpf.DirectorConnStateSTATE_OPENING:
			opening++
			n[0]++
		case bpf.DirectorConnStateSTATE_ANSWERED, bpf.DirectorConnStateSTATE_ESTABLISHED:
			n[0]++
		case bpf.DirectorConnStateSTATE_FIN_WAIT, bpf.DirectorConnStateSTATE_TIME_WAIT, bpf.DirectorConnStateSTATE_CLOSE:
			n[1]++
		}
		classes[c.Real] = n
		return true
	})
	if g := p.Gauge(); g.Used != used || g.Opening != opening {
		return fmt.Sprintf("gauge tells %d used and %d opening, the table has %d and %d", g.Used, g.Opening, used, opening)
	}
	for id := range p.Reals(0) {
		if v := p.Tally(id); v.Active != classes[id][0] || v.Inactive != classes[id][1] {
			return fmt.Sprintf("real server %d: tally tells %d active and %d inactive, the table has %v", id, v.Active, v.Inactive, classes[id])
		}
	}
	if n := entries(t, p.set); n != listed {
		return fmt.Sprintf("%d entries in the index, want %d", n, listed)
	}
	return ""
}
