package hidden

import (
	"math"
	"testing"
	"time"
)

// zipf adds 40 keys with caches of a kind, whose rates are in proportion to
// 1/rank.
func (w *world) zipf(t testing.TB, kind cache) {
	for i := range 40 {
		one := kind
		one.key, one.rate = keyOf(t, i), 1/float64(i+1)
		w.add(one)
	}
}

// TestRates lets resolvers of all kinds ask for some hours.
func TestRates(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  cache
		right float64 // on average, as a factor
	}{
		{"plain", cache{}, 1.15},
		{"plain, of one TTL", cache{ttl: 60}, 1.15},
		{"of whole seconds", cache{whole: true}, 1.15},
		{"floor of 60 s", cache{floor: 60, ttl: 30}, 1.15},
		{"floor of 60 s, told more and less", cache{floor: 60}, 1.3}, // that of light ones is not found
		{"floor of 120 s", cache{floor: 120, ttl: 60}, 1.15},
		{"floor of 120 s, told less", cache{floor: 120}, 1.15},
		{"prefetch", cache{prefetch: true}, 1.35}, // when exactly they begin is not known
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(7)
			w.zipf(t, c.kind)
			w.run(2 * time.Hour)
			for range 3 {
				w.run(time.Hour)
				bias, spread := w.right(t)
				if bias > c.right || bias < 1/c.right || spread > 1.4 {
					t.Errorf("after %v s: %.2f of the true rates, scattered by %.2f", w.now, bias, spread)
				}
			}
			for _, k := range w.caches {
				if n := w.look(t, k).Caches(); n != 1 {
					t.Errorf("%v is taken for %.1f caches", k.key.Prefix(), n)
				}
			}
		})
	}
}

// TestRateOfNewcomers is that of an average key until more is known.
func TestRateOfNewcomers(t *testing.T) {
	w := newWorld(3)
	w.zipf(t, cache{ttl: 60})
	w.run(2 * time.Hour)
	mean := w.store.Census().Mean()
	newcomer := cache{key: keyOf(t, 1000), rate: 1e-6}
	now := start + ns(w.now)
	tell(w.store, newcomer.key, now, 60)
	tell(w.store, newcomer.key, now+ns(61), 60)
	if got := w.look(t, &newcomer).Rate(); got < mean/3 || got > mean*3 {
		t.Errorf("after one gap rate %.4f, while the mean is %.4f", got, mean)
	}
}

func TestFloor(t *testing.T) {
	w := newWorld(5)
	for i := range 20 {
		w.add(cache{key: keyOf(t, i), rate: 0.2, floor: 120, ttl: 60})
	}
	floors := func() (n int, sum float64) {
		for _, c := range w.caches {
			if f := w.look(t, c).Floor(); f > 0 {
				n++
				sum += f
			}
		}
		return n, sum / math.Max(float64(n), 1)
	}
	set := func(floor, ttl float64) {
		for _, c := range w.caches {
			c.floor, c.ttl = floor, ttl
		}
	}
	w.run(time.Hour)
	if n, f := floors(); n < 19 || f < 117 || f > 123 {
		t.Errorf("learned by %d of 20: %.1f s, want 120", n, f)
	}
	set(120, 300) // longer TTLs can not refute it
	w.run(3 * time.Hour)
	if n, _ := floors(); n < 19 {
		t.Errorf("kept by %d of 20", n)
	}
	set(0, 60) // the resolver was configured anew
	w.run(20 * time.Minute)
	if n, f := floors(); n > 1 {
		t.Errorf("%d of 20 still believe in a floor of %.1f s, which was refuted", n, f)
	}
	w.run(2 * time.Hour)
	if bias, _ := w.right(t); math.Abs(bias-1) > 0.15 {
		t.Errorf("without the floor: %.2f of the true rates", bias)
	}
}

// TestNoFloor: a plain cache is hardly ever taken for one that keeps answers for
// longer than it is told.
func TestNoFloor(t *testing.T) {
	for _, kind := range []cache{{}, {ttl: 60}, {prefetch: true}, {whole: true}} {
		w := newWorld(9)
		for i := range 50 {
			one := kind
			one.key, one.rate = keyOf(t, i), 0.02*math.Pow(50, w.random.Float64())
			w.add(one)
		}
		taken, looked := 0, 0
		for range 12 {
			w.run(20 * time.Minute)
			for _, c := range w.caches {
				if r, ok := w.store.Look(c.key); ok {
					if looked++; r.Floor() > 1.05*float64(r.TTL) {
						taken++
					}
				}
			}
		}
		if looked < 550 || taken > looked/100 {
			t.Errorf("%+v: %d of %d were taken for caches with a floor", kind, taken, looked)
		}
	}
}

// TestFarm: several caches behind one address ask at any time.
func TestFarm(t *testing.T) {
	w := newWorld(11)
	for i := range 10 {
		for range 4 {
			w.add(cache{key: keyOf(t, i), rate: 0.1, ttl: 60})
		}
	}
	w.zipf(t, cache{})
	for _, c := range w.caches[40:] {
		c.key = keyOf(t, 1000+int(c.key.low%256))
	}
	w.run(3 * time.Hour)
	for i := range 10 {
		r := w.look(t, w.caches[4*i])
		// They ask 4/(60+10) times a second, the least that their rate of 0.4
		// can be.
		if got := r.Caches(); got < 2.5 || got > 6 {
			t.Errorf("farm %d is taken for %.1f caches", i, got)
		}
		if got := r.Rate(); got < 0.8*4/70 || got > 2*0.4 {
			t.Errorf("farm %d: rate %.3f", i, got)
		}
	}
	for _, c := range w.caches[40:] {
		if n := w.look(t, c).Caches(); n != 1 {
			t.Errorf("%v is no farm, but taken for %.1f caches", c.key.Prefix(), n)
		}
	}
}

// TestManyNameServers: caches ask one of some at random, and we see but a part
// of the questions.
func TestManyNameServers(t *testing.T) {
	for _, servers := range []int{1, 2, 3} {
		w := newWorld(13)
		w.zipf(t, cache{servers: servers})
		w.run(5 * time.Hour)
		if got, want := w.store.Census().Share, 1/float64(servers); got < 0.8*want || got > 1.25*want {
			t.Errorf("%d name servers: share %.2f, want %.2f", servers, got, want)
		}
		bias, spread := w.right(t)
		if bias < 0.7 || bias > 1.4 || spread > 2 {
			t.Errorf("%d name servers: %.2f of the true rates, scattered by %.2f", servers, bias, spread)
		}
	}
}
