package policy

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// learners are all policies that remember, and the one without a name.
func learners() []string {
	names := []string{""}
	for _, name := range Names() {
		if pol, _ := New(name, Options{Limit: 1}); pol != nil {
			if _, ok := pol.(Learner); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// TestLearnersTogether lets many draw while plans change and time passes. The
// race detector looks on.
func TestLearnersTogether(t *testing.T) {
	pools := []string{
		"a load=0.5 cap=2; b load=0.2; c load=0.7",
		"a load=0.5 cap=2; c load=0.7; d load=0.1",
		"b critical; d load=0.95; e cap=5 load=0.3; f load=0.3",
		"a load=0.5; b load=0.2; c load=0.1; d load=0.5; e; f; g; h",
	}
	for _, name := range learners() {
		t.Run("policy "+name, func(t *testing.T) {
			pol, err := New(name, Options{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			l := pol.(Learner)
			defer l.Close()
			cfg := testConfig()
			cfg.Policy = name
			var plan atomic.Pointer[Plan]
			var now atomic.Int64
			var state *State
			adopt := func(pool *pool.Pool) {
				var p *Plan
				p, state = Next(cfg, Input{Now: epoch.Add(time.Duration(now.Load())), Pool: pool}, state)
				l.Adopt(p)
				plan.Store(p)
			}
			adopt(parsePool(pools[0]))
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() { drawMany(t, l, &plan, &now, uint64(i)) })
			}
			for i := range 120 {
				now.Add(int64(10 * time.Second))
				if i%3 == 0 {
					adopt(parsePool(pools[i/3%len(pools)]))
				}
				l.Tick(epoch.Add(time.Duration(now.Load())))
				l.Explain(plan.Load(), Query{Key: keyOf(1), Now: epoch})
			}
			all.Wait()
		})
	}
}

func drawMany(t *testing.T, pol Policy, plan *atomic.Pointer[Plan], now *atomic.Int64, seed uint64) {
	random := fixedRandom(seed)
	for i := range 1500 {
		p := plan.Load()
		q := Query{Family: Family(i % 2), Key: keyOf(uint32(random() % 150)), Random: random(), Stable: i%3 == 0,
			Now: epoch.Add(time.Duration(now.Load() + int64(i)*int64(time.Second)))}
		c := pol.Draw(p, q)
		if want := min(p.Config.Answers, p.Size(q.Family)); c.N != want {
			t.Errorf("%d members, want %d", c.N, want)
			return
		}
		for _, m := range c.Members[:c.N] {
			if int(m) >= len(p.Members) || !p.Members[m].In {
				t.Errorf("drew member %d, which is out", m)
				return
			}
		}
	}
}

// TestRoster numbers servers: numbers stay while plans change, and are given
// away when no cache can hold their server any more.
func TestRoster(t *testing.T) {
	var r roster
	forgotten := []int{}
	next := func(seconds float64, text string) *view {
		p, _ := Next(testConfig(), Input{Now: at(seconds), Pool: parsePool(text)}, nil)
		return r.view(p, func(slot int) { forgotten = append(forgotten, slot) })
	}
	slot := func(v *view, member int) int { return int(v.slots[member]) }

	v := next(0, "a cap=3; b")
	if slot(v, 0) != 0 || slot(v, 1) != 1 || v.shares[0] != 0.75 || v.members[1] != 1 {
		t.Fatalf("at first: %+v", v)
	}
	v = next(10, "b; c")
	if slot(v, 0) != 1 || slot(v, 1) != 2 || v.members[0] != -1 || v.shares[0] != 0 {
		t.Errorf("without a: %+v", v)
	}
	v = next(500, "a cap=3; b; c critical")
	if slot(v, 0) != 0 || slot(v, 2) != 2 || v.members[2] != -1 {
		t.Errorf("a is back in time, c is down: %+v", v)
	}
	next(510, "a; b")
	next(1000, "a; b")
	if len(forgotten) != 0 {
		t.Errorf("%v were forgotten before twice the TTL was over", forgotten)
	}
	v = next(1111, "a; b; d")
	if len(forgotten) != 1 || forgotten[0] != 2 || slot(v, 2) != 2 || r.size != 3 {
		t.Errorf("d must have the number that c had: %+v, forgotten %v", v, forgotten)
	}
	v = next(1120, "a; b; c; d")
	if slot(v, 2) != 3 || slot(v, 3) != 2 {
		t.Errorf("c is back too late, and new: %+v", v)
	}
}
