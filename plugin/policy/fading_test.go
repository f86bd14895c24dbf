package policy

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestReportsFade: what was learned of a server's capacity is used while reports
// are fresh, and given up with them; old ones correct no belief.
func TestReportsFade(t *testing.T) {
	k, h := settledClass(t, roomConfig(), nil, "a; b")
	// As many connections, and a is twice as loaded: it can bear half of b.
	report := func() {
		at := k.now.Sub(epoch).Seconds()
		k.next(fmt.Sprintf("a load=0.8 at=%v conns=40; b load=0.4 at=%v conns=40", at, at))
	}
	for range 60 {
		report()
		k.pass(10 * time.Second)
	}
	report()
	for _, c := range []struct {
		name     string
		age      time.Duration
		share    float64 // of a
		measured bool
	}{
		{"fresh", 10 * time.Second, 1. / 3, true},
		{"as old as it may be", 30 * time.Second, 1. / 3, true},
		{"half forgotten", 60 * time.Second, 0.414, false}, // 2^-0.5 to 1
		{"forgotten", 90 * time.Second, 0.5, false},
		{"long forgotten", 10 * time.Minute, 0.5, false},
	} {
		last := k.plan.Members[0].Server.Load.At
		k.ask(keyOf(1)) // lest the name be taken for one that nobody asks for
		k.pass(last.Add(c.age).Sub(k.now))
		if got := h.shares()[0]; math.Abs(got-c.share) > 0.015 {
			t.Errorf("%s: a has a share of %.3f, want %.3f", c.name, got, c.share)
		}
		if got := !math.IsNaN(h.measured()[0]); got != c.measured {
			t.Errorf("%s: measured %v, want %v", c.name, got, c.measured)
		}
	}
}

// TestNoConnectionsToldMeansLoads: what is measured where not all tell their
// connections.
func TestNoConnectionsToldMeansLoads(t *testing.T) {
	for _, c := range []struct {
		name, pool string
		want       float64 // a's over b's
	}{
		{"connections of all", "a load=0.6 conns=30; b load=0.3 conns=60", 0.5},
		{"of one only", "a load=0.6 conns=30; b load=0.3", 2},
		{"of none", "a load=0.6; b load=0.3", 2},
		{"loads of unequal servers", "a cap=3 load=0.3; b load=0.3", 3},
		{"one is out", "a load=0.6 conns=30; b load=0.3 conns=60; c critical load=0.1", 0.5},
	} {
		k, h := settledClass(t, roomConfig(), nil, c.pool)
		k.next(c.pool)
		h.fade(epoch)
		if m := h.measured(); math.Abs(m[0]/m[1]-c.want) > 0.05*c.want {
			t.Errorf("%s: measured %v", c.name, m)
		}
	}
}

// TestExplainIsTheNextAnswer: an explanation says what the key gets next, and
// changes nothing.
func TestExplainIsTheNextAnswer(t *testing.T) {
	for _, name := range []string{"headroom", "rr", "rr2", "dal", "mrl", "drr2-ttlsk", "least-load"} {
		cfg := roomConfig()
		cfg.Answers = 2
		k := attend(t, name, cfg, papersRates(), "a; b; c; d")
		k.pass(2 * time.Minute)
		for i := range 40 {
			key := keyOf(uint32(i % 5))
			k.now = k.now.Add(11 * time.Second)
			q := Query{Key: key, Now: k.now, Stable: true}
			var told [3]Choice
			for n := range told {
				told[n] = k.policy.Explain(k.plan, q).Choice
			}
			got := k.policy.Draw(k.plan, q)
			for _, c := range told {
				if !sameMembers(c, got) || c.TTL != got.TTL {
					t.Fatalf("%s: explained %v for %v, then gave %v for %v", name, c.Members[:c.N], c.TTL, got.Members[:got.N], got.TTL)
				}
			}
		}
	}
}

func sameMembers(a, b Choice) bool {
	in := map[uint16]bool{}
	for _, m := range a.Members[:a.N] {
		in[m] = true
	}
	for _, m := range b.Members[:b.N] {
		if !in[m] {
			return false
		}
	}
	return a.N == b.N
}

// TestSlotOfAnother: a server that takes the place of one that is long gone has
// nothing of what was learned of that.
func TestSlotOfAnother(t *testing.T) {
	k, h := settledClass(t, roomConfig(), nil, "a; b")
	for range 12 {
		at := k.now.Sub(epoch).Seconds()
		k.next(fmt.Sprintf("a load=0.8 at=%v conns=40; b load=0.4 at=%v conns=40", at, at))
		k.ask(keyOf(1))
		k.pass(10 * time.Second)
	}
	slot := k.plan.view.slots[0]
	if !h.capacity[slot].known {
		t.Fatal("nothing was learned of a")
	}
	k.next("b")
	k.now = k.now.Add(2*k.cfg.TTL + time.Second)
	k.next("b")
	k.next("b; c")
	if got := k.plan.view.slots[1]; got != slot {
		t.Fatalf("c has slot %d, want a's, %d", got, slot)
	}
	if h.capacity[slot].known {
		t.Errorf("c is thought to have a's capacity: %+v", h.capacity[slot])
	}
}
