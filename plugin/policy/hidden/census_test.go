package hidden

import (
	"math"
	"net/netip"
	"testing"
	"time"
)

func prefix(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
}

func TestCensus(t *testing.T) {
	s := Given(map[netip.Prefix]float64{prefix(0): 6, prefix(1): 2, prefix(2): 1, prefix(3): 1})
	c := s.Take(start, 60, 0)
	if c.Keys != 4 || math.Abs(c.Total-10) > 1e-6 || c.Most != 6 || math.Abs(c.Mean()-2.5) > 1e-6 {
		t.Errorf("census %+v", c)
	}
	if c.HotKeys != 1 || c.HotTotal != 6 {
		t.Errorf("%d hot keys of %v, want the one above the mean", c.HotKeys, c.HotTotal)
	}
	for _, k := range []struct {
		rate, weight float64
		hot          bool
	}{{6, 0.6, true}, {2, 0.2, false}, {0, 0, false}, {-1, 0, false}, {20, 1, true}} {
		if got := c.Weight(k.rate); math.Abs(got-k.weight) > 1e-6 || c.Hot(k.rate) != k.hot {
			t.Errorf("rate %v: weight %v, hot %v", k.rate, got, c.Hot(k.rate))
		}
	}
	if s.Census() != c {
		t.Error("the census is not the last that was taken")
	}
}

func TestCensusOfNobody(t *testing.T) {
	c := NewStore(10, nil, 1).Take(start, 60, 1)
	if c.Keys != 0 || c.Mean() != 0 || c.Weight(0.5) != 1 || c.Affordable != 0 || c.Share != 0 {
		t.Errorf("census %+v", c)
	}
}

// TestCensusForgets keys that have gone quiet.
func TestCensusForgets(t *testing.T) {
	w := newWorld(19)
	w.zipf(t, cache{ttl: 60})
	w.run(time.Hour)
	before := w.store.Take(start+ns(w.now), 60, 0)
	if before.Keys < 39 {
		t.Fatalf("%d keys", before.Keys)
	}
	w.caches = w.caches[:20]
	w.run(30 * time.Minute)
	if c := w.store.Take(start+ns(w.now), 60, 0); c.Total > before.Total {
		t.Errorf("half of the keys are quiet, but the total went from %.3f to %.3f", before.Total, c.Total)
	}
	w.run(time.Hour)
	if c := w.store.Take(start+ns(w.now), 60, 0); c.Keys != 20 {
		t.Errorf("%d keys, want the 20 that still ask", c.Keys)
	}
}

// TestQuestions: what keys ask, and what they would ask under a constant TTL.
func TestQuestions(t *testing.T) {
	for _, ttl := range []float64{30, 60, 120} {
		w := newWorld(23)
		w.zipf(t, cache{ttl: ttl})
		w.run(3 * time.Hour)
		c := w.store.Take(start+ns(w.now), 60, 0)
		var got, constant float64
		for _, k := range w.caches {
			got += 1 / (ttl + 1/k.rate)
			constant += 1 / (60 + 1/k.rate)
		}
		if math.Abs(c.Questions/got-1) > 0.1 || math.Abs(c.Affordable/constant-1) > 0.1 {
			t.Errorf("TTL %v: %.3f questions a second, affordable %.3f; want %.3f and %.3f", ttl, c.Questions, c.Affordable, got, constant)
		}
	}
}

// TestShaped is the papers' fair scaling.
func TestShaped(t *testing.T) {
	rates := map[netip.Prefix]float64{prefix(0): 0.5, prefix(1): 0.1, prefix(2): 0.02}
	s := Given(rates)
	for name, shape := range map[string]func(rate float64) float64{
		"constant":                          func(float64) float64 { return 1 },
		"in inverse proportion to the load": func(rate float64) float64 { return 0.5 / rate },
		"in any unit":                       func(rate float64) float64 { return 1e4 / rate },
	} {
		unit := s.Shaped(240, shape)
		var got, want float64
		for _, rate := range rates {
			got += 1 / (unit*shape(rate) + 1/rate)
			want += 1 / (240 + 1/rate)
		}
		if math.Abs(got/want-1) > 1e-3 {
			t.Errorf("%s: %.5f questions a second, want %.5f", name, got, want)
		}
	}
}
