package dataplane

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
)

func web() Service {
	return Service{Name: "web", Scheduler: bpf.DirectorSchedulerSCHED_WLC, Tries: 8, Retry: 800 * time.Millisecond, LportMin: 1024, LportMax: 65535, Seed: 7}
}

func backend(service uint32, addr string) Real {
	return Real{Service: service, Addr: ip(addr), Port: 80, Weight: 256, State: bpf.DirectorRealStateREAL_UP}
}

func must[T any](v T, err error) func(interface {
	Helper()
	Fatal(...any)
}) T {
	return func(t interface {
		Helper()
		Fatal(...any)
	}) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestAttachWantsEthernet(t *testing.T) {
	p := &Plane{}
	if err := p.Attach("lo"); err == nil || !strings.Contains(err.Error(), "interface lo: it is no Ethernet interface") {
		t.Errorf("got %v", err)
	}
}

func TestCloseAndOpenKeepsAll(t *testing.T) {
	dir := bpffs(t)
	p := mustOpen(t, small(dir))
	must(p.PutService(Service{Name: "other", Tries: 1}))(t)
	svc := must(p.PutService(web()))(t)
	a := must(p.PutReal(backend(svc, "192.0.2.11")))(t)
	b := must(p.PutReal(backend(svc, "2001:db8::12")))(t)
	if err := p.SetTables(svc, []uint32{a, b}, []uint32{a, b, b}); err != nil {
		t.Fatal(err)
	}
	vips := []VIP{{ip("198.51.100.1"), 80, 6}, {ip("2001:db8::1"), 443, 6}}
	if err := p.PutVIPs(svc, vips); err != nil {
		t.Fatal(err)
	}
	generation := must(p.Retire(b))(t)
	seed := p.Settings().Seed
	mustClose(t, p)

	p = mustOpen(t, small(dir))
	if got := p.Settings().Seed; got != seed || seed == 0 {
		t.Errorf("seed %d became %d", seed, got)
	}
	if id := must(p.PutService(web()))(t); id != svc {
		t.Errorf("service has id %d, had %d", id, svc)
	}
	if id := must(p.PutReal(backend(svc, "2001:db8::12")))(t); id != b {
		t.Errorf("real server has id %d, had %d", id, b)
	}
	if got := p.Reals(svc)[b].Generation; got != generation {
		t.Errorf("generation %d became %d", generation, got)
	}
	members, table, err := p.Tables(svc)
	if err != nil || !slices.Equal(members, []uint32{a, b}) || !slices.Equal(table, []uint32{a, b, b}) {
		t.Errorf("tables %v %v %v", members, table, err)
	}
	if got := p.VIPs(svc); !slices.Equal(got, vips) {
		t.Errorf("VIPs %v, want %v", got, vips)
	}
	// Regions are known too: the next table does not overwrite this one.
	if err := p.SetTables(0, nil, nil); err != nil {
		t.Fatal(err)
	}
	if s, _, ok := p.regions.alloc(4, time.Now()); !ok || s.Off < 5 {
		t.Errorf("allocated %v over tables in use", s)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := bpffs(t)
	mustOpenSpec(t, small(dir), specWith(t, unchanged))
	if _, err := Open(small(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if err := Unload(dir, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("unload: got %v, want ErrInUse", err)
	}
}

func TestUnloadRemovesAll(t *testing.T) {
	dir := bpffs(t)
	p := mustOpenSpec(t, small(dir), specWith(t, unchanged))
	mustClose(t, p)
	for range 2 {
		if err := Unload(dir, nil); err != nil {
			t.Fatal(err)
		}
	}
}
