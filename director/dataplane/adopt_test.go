package dataplane

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
)

// many makes the nth of many connections, each of a client of its own.
func many(n uint32) bpf.Conn {
	c := connection(0)
	a := netip.AddrFrom4([4]byte{100, 64 | byte(n>>16), byte(n >> 8), byte(n)}).As16()
	c.Client, c.Local = a, a
	return c
}

// TestFullTableIsTakenOver upgrades with as many connections as there is room
// for, which must be quick: new ones wait meanwhile.
func TestFullTableIsTakenOver(t *testing.T) {
	from, to := twoSetsOf(t, 262144, 262144)
	conns, err := mapArray[bpf.Conn](from.maps["conns"])
	if err != nil {
		t.Fatal(err)
	}
	defer conns.close()
	gauges, err := mapArray[bpf.Gauge](from.maps["gauges"])
	if err != nil {
		t.Fatal(err)
	}
	defer gauges.close()
	for id := range conns.len {
		conns.store(id, many(id), stateWord*8)
	}
	gauges.at(0).Fresh, gauges.at(0).Used = conns.len, conns.len
	u, err := newUnit(from, to, small("/").mustComplete(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	u.shadow = make([]uint32, u.old.len)
	if err := u.prepare(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := u.all(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%d connections taken over in %v, %.0f each second", conns.len, took, float64(conns.len)/took.Seconds())
	if n := entries(t, to); n != 2*int(conns.len) {
		t.Errorf("%d entries of %d connections", n, conns.len)
	}
	x := indexOf(to, u.config, u.new)
	for id := uint32(0); id < conns.len; id += 1009 {
		if h, ok, err := x.Find(ClientTuple(many(id))); err != nil || !ok || h != bpf.HandleOf(id, false) {
			t.Fatalf("connection %d: %v %v %v", id, h, ok, err)
		}
	}
}
