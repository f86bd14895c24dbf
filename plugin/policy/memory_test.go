package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// schooled is a headroom that a few keys have asked for some hours.
func schooled(t *testing.T, pool string) *class {
	t.Helper()
	k := attend(t, "headroom", roomConfig(), nil, pool)
	random, due := rand.New(rand.NewPCG(1, 2)), [6]time.Time{}
	for end := k.now.Add(3 * time.Hour); k.now.Before(end); {
		k.pass(time.Second)
		for i := range due {
			if !k.now.Before(due[i]) {
				due[i] = k.now.Add(k.ask(keyOf(uint32(i))).TTL + time.Duration(random.ExpFloat64()*float64(1+i)*1e10))
			}
		}
	}
	return k
}

func TestMemory(t *testing.T) {
	k := schooled(t, "a cap=2; b")
	m, some := k.policy.(Rememberer).Remember()
	if !some {
		t.Fatal("nothing is remembered")
	}
	next := attend(t, "headroom", roomConfig(), nil, "a cap=2; b")
	next.now = k.now.Add(time.Minute)
	if err := next.policy.(Rememberer).Recall(m, next.now); err != nil {
		t.Fatal(err)
	}
	next.next("a cap=2; b")
	if was, is := k.policy.(*headroom).servo.tolerance, next.policy.(*headroom).servo.tolerance; was != is {
		t.Errorf("tolerance is %v, was %v", is, was)
	}
	next.pass(10 * time.Second)
	for i := range uint32(6) {
		q := Query{Family: A, Key: keyOf(i), Now: next.now}
		was, is := k.policy.Explain(k.plan, q).Hidden, next.policy.Explain(next.plan, q).Hidden
		if !is.Known || is.Rate != was.Rate || math.Abs(is.Weight-was.Weight) > 0.01 || len(is.Held) > 0 {
			t.Errorf("key %d is %+v, was %+v", i, is, was)
		}
	}
}

// TestMemoryOfCapacity: what a server bears is known again when it is in the pool,
// and not lost as long as it is not.
func TestMemoryOfCapacity(t *testing.T) {
	m := Memory{Tolerance: 0.1, Gain: 0.1, Bears: map[string]float64{"a": 1, "b": 2, "z": 3}, Keys: newHeadroom(Options{}).(*headroom).keys.Save()}
	next := attend(t, "headroom", roomConfig(), nil, "a")
	if err := next.policy.(Rememberer).Recall(m, next.now); err != nil {
		t.Fatal(err)
	}
	next.next("a; b")
	h := next.policy.(*headroom)
	for slot, want := range map[uint16]float64{h.roster.slots["a"]: 1, h.roster.slots["b"]: 2} {
		if c := h.capacity[slot]; !c.known || c.slow != want {
			t.Errorf("%+v, want %v", c, want)
		}
	}
	if again, _ := h.Remember(); len(again.Bears) != 3 || again.Bears["z"] != 3 || again.Bears["b"] != 2 {
		t.Errorf("remembered are %v", again.Bears)
	}
}

// TestMemoryWhereReportsDecide is of an LB record without a policy: what was learned
// waits for the first report.
func TestMemoryWhereReportsDecide(t *testing.T) {
	k := schooled(t, "a cap=2; b")
	m, _ := k.policy.(Rememberer).Remember()
	p := newByReports(Options{}).(*byReports)
	if _, some := p.Remember(); some {
		t.Error("something is remembered of nothing")
	}
	if err := p.Recall(m, k.now); err != nil {
		t.Fatal(err)
	}
	if again, some := p.Remember(); !some || len(again.Keys) != len(m.Keys) {
		t.Error("what was kept is lost before there are reports")
	}
	servers := parsePool(fmt.Sprintf("a cap=2 load=0.3 at=%v; b", k.now.Sub(epoch).Seconds()))
	cfg := roomConfig()
	cfg.MeanTTL = 120 * time.Second
	plan, _ := Next(cfg, Input{Now: k.now, Pool: servers}, nil)
	p.Adopt(plan)
	if i := p.Explain(plan, Query{Key: keyOf(0), Now: k.now}); !i.Hidden.Known {
		t.Errorf("the key is %+v", i.Hidden)
	}
	p.Hear(plan, Query{Key: keyOf(0), Now: k.now}, Choice{N: 1, TTL: time.Minute}, 1)
	if i := p.Explain(plan, Query{Key: keyOf(0), Now: k.now}); len(i.Hidden.Held) != 1 {
		t.Errorf("the key is %+v", i.Hidden)
	}
}

func TestRecallRefuses(t *testing.T) {
	good := Memory{Tolerance: 0.1, Gain: 0.1, Keys: newHeadroom(Options{}).(*headroom).keys.Save()}
	for name, c := range map[string]struct {
		change func(*Memory)
		want   string
	}{
		"no tolerance":     {func(m *Memory) { m.Tolerance = 0 }, "tolerance is 0"},
		"a gain above all": {func(m *Memory) { m.Gain = 2 }, "gain is 2"},
		"a gain of NaN":    {func(m *Memory) { m.Gain = math.NaN() }, "gain is NaN"},
		"what is borne":    {func(m *Memory) { m.Bears = map[string]float64{"a": math.Inf(1)} }, "what a bears"},
		"keys":             {func(m *Memory) { m.Keys = m.Keys[1:] }, "keys: it is not of this version"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			c.change(&m)
			for _, p := range []Policy{newHeadroom(Options{}), newByReports(Options{})} {
				if err := p.(Rememberer).Recall(m, epoch); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one with %q", err, c.want)
				}
				if _, some := p.(Rememberer).Remember(); some {
					t.Error("it is remembered all the same")
				}
			}
		})
	}
}
