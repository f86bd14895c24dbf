package policy

import (
	"fmt"
	"math"
	"testing"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestSame(t *testing.T) {
	base := planOf(testConfig(), "a load=0.3; b; c critical")
	for _, c := range []struct {
		name, pool string
		want       bool
	}{
		{"nothing", "a load=0.3; b; c critical", true},
		{"a load that does not weigh", "a load=0.4; b; c critical", true},
		{"a reason of one that is out", "a load=0.3; b; c critical reason=refused", true},
		{"a weight", "a load=0.6; b; c critical", false},
		{"who is in", "a load=0.3; b; c", false},
		{"an address", "a load=0.3; b addr=192.0.2.99; c critical", false},
		{"a name", "a load=0.3; bb; c critical", false},
		{"one more that is out", "a load=0.3; b; c critical; d critical", false},
		{"the TTL", "a load=0.3 flip=60; b; c critical", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := planOf(testConfig(), c.pool)
			if base.Same(q) != c.want || q.Same(base) != c.want {
				t.Errorf("same %v and %v, want %v", base.Same(q), q.Same(base), c.want)
			}
		})
	}
	cfg := testConfig()
	cfg.Answers = 1
	if base.Same(planOf(cfg, "a load=0.3; b; c critical")) {
		t.Error("another number of answers is the same")
	}
	if base.Same(nil) || !(*Plan)(nil).Same(nil) {
		t.Error("nil plans")
	}
}

// checkPlan holds for every plan.
func checkPlan(t *testing.T, p *Plan) {
	t.Helper()
	checkBounds(t, p)
	var sum float64
	for i := range p.Members {
		m := &p.Members[i]
		if !(m.Weight >= 0) || math.IsInf(m.Weight, 0) || m.In != (m.Weight > 0) || m.In != (m.Share > 0) {
			t.Fatalf("%s: in %v, weight %v, share %v", m.Server.ID, m.In, m.Weight, m.Share)
		}
		if w := m.Factors.Weight(); !(w >= 0) || math.IsInf(w, 0) {
			t.Fatalf("%s: factors %+v", m.Server.ID, m.Factors)
		}
		if !m.In && len(m.Why) == 0 && p.Mode != Fallback && p.Mode != Nobody {
			t.Fatalf("%s is out for no reason in mode %v", m.Server.ID, p.Mode)
		}
		if i > 0 && m.Server.ID < p.Members[i-1].Server.ID {
			t.Fatalf("members are not in ID order")
		}
		sum += m.Share
	}
	if math.Abs(sum-1) > 1e-9 && sum != 0 {
		t.Fatalf("shares sum to %v", sum)
	}
	if !p.Due.IsZero() && !p.Due.After(p.At) {
		t.Fatalf("due %v, not after %v", p.Due, p.At)
	}
	if p.Mode == Live && sum == 0 {
		t.Fatal("live, but nobody is in")
	}
}

func TestMoreServersThanAChoiceCanPointAt(t *testing.T) {
	big := &pool.Pool{}
	for i := range maxServers + 5 {
		big.Servers = append(big.Servers, pool.Server{ID: fmt.Sprintf("%06d", i), Capacity: 1, Health: pool.Passing})
	}
	p, _ := Next(testConfig(), Input{Now: epoch, Pool: big}, nil)
	if len(p.Members) != maxServers || p.Size(SRV) != maxServers {
		t.Errorf("%d members, %d for SRV; want %d", len(p.Members), p.Size(SRV), maxServers)
	}
	c := weighted{}.Draw(p, Query{Family: SRV, Random: 1})
	checkChoice(t, p, SRV, &c)
}
