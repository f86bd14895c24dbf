package hidden

import (
	"testing"
	"time"
)

// weightOf is the hidden load of some caches, as far as they are trusted.
func (w *world) weightOf(caches []*cache) (sum float64) {
	c := w.store.Census()
	for _, k := range caches {
		if r, ok := w.store.Look(k.key); ok && c.Trusts(&r) {
			sum += c.Weight(r.Rate())
		}
	}
	return sum
}

// TestTrust: two hours of forty resolvers, and then others that ask as caches
// do, twice as many sessions as all until then.
func TestTrust(t *testing.T) {
	for _, c := range []struct {
		name   string
		growth float64 // of the demand when the others come
		silent bool    // servers say nothing of what they have to do
		least  float64 // weight of the others
		most   float64
	}{
		{"forged: the demand is as before", 1, false, 0, 0.25},
		{"true: the demand grows as much", 3, false, 0.55, 0.75},
		{"nothing is known of the demand", 1, true, 0.55, 0.75},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(29)
			demand := 2.0
			w.demand = func(float64) float64 {
				if c.silent {
					return 0
				}
				return demand
			}
			for i := range 40 {
				w.add(cache{key: keyOf(t, i), rate: 0.1, ttl: 60})
			}
			w.run(2 * time.Hour)
			if got := w.weightOf(w.caches); got < 0.95 {
				t.Fatalf("those that are known weigh %.2f", got)
			}
			demand *= c.growth
			for i := range 80 {
				w.add(cache{key: keyOf(t, 1000+i), rate: 0.1, ttl: 60})
			}
			for range 6 {
				w.run(10 * time.Minute)
				old, others := w.weightOf(w.caches[:40]), w.weightOf(w.caches[40:])
				if others > c.most || old < 1-c.most-0.05 || w.now > 9000 && others < c.least {
					t.Errorf("%.0f s: the others weigh %.2f, and those before %.2f", w.now, others, old)
				}
			}
		})
	}
}

// TestTrustAtAStart: all keys count until it is known what belongs to the demand.
func TestTrustAtAStart(t *testing.T) {
	w := newWorld(31)
	w.demand = func(float64) float64 { return 1 }
	for i := range 40 {
		w.add(cache{key: keyOf(t, i), rate: 0.1, ttl: 60})
	}
	w.run(20 * time.Minute)
	for i := range 40 {
		w.add(cache{key: keyOf(t, 100+i), rate: 0.1, ttl: 60})
	}
	w.run(20 * time.Minute)
	if got := w.weightOf(w.caches); got < 0.95 {
		t.Errorf("keys weigh %.2f together", got)
	}
}

func TestAges(t *testing.T) {
	last := -1
	for age := time.Second; age < 100*24*time.Hour; age *= 2 {
		got := ageOf(int64(age))
		if got < last || got < 0 || got >= ages {
			t.Errorf("age %v is class %d, after class %d", age, got, last)
		}
		last = got
	}
	if ageOf(-int64(time.Hour)) != 0 {
		t.Error("a key from the future is not new")
	}
}
