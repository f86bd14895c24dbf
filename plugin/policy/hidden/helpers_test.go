package hidden

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// start is when tests begin, in nanoseconds.
const start = int64(1_000_000_000) * 1e9

func ns(seconds float64) int64 { return int64(seconds * 1e9) }

func keyOf(t testing.TB, i int) Key {
	t.Helper()
	k, ok := KeyOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), 0)
	if !ok {
		t.Fatal("no key")
	}
	return k
}

// tell asks in a key's name, and tells it a TTL as a policy does: what is
// repeated within a second gets the same answer.
func tell(s *Store, key Key, now int64, ttl float64) {
	sh, r := s.Ask(key, now)
	if r != nil && (r.Last == now || !r.Repeats(now)) {
		r.TTL = float32(ttl)
		r.Held = Held{Until: now + ns(ttl), N: 1}
	}
	s.Release(sh, r, key, now, ttl)
}

// cache is a resolver's cache, or one of several behind an address, as clients
// with sessions use it.
type cache struct {
	key      Key
	rate     float64 // of sessions, per second
	ttl      float64 // that it is told; 0 for one of some
	floor    float64 // its least TTL
	prefetch bool    // asks in the last tenth of the TTL, if a client comes
	whole    bool    // counts whole seconds
	servers  int     // name servers that it asks in turn, of which we are one

	next float64 // when it asks, in seconds after start
}

// world has many caches that ask one store, whose census is taken every
// minute.
type world struct {
	store  *Store
	caches []*cache
	random *rand.Rand
	now    float64
	demand func(now float64) float64 // nil for none
}

func newWorld(seed uint64) *world {
	s := NewStore(1000, nil, seed)
	s.Least(30)
	return &world{store: s, random: rand.New(rand.NewPCG(seed, 1))}
}

func (w *world) add(c cache) {
	c.next = w.now + w.random.ExpFloat64()/c.rate
	w.caches = append(w.caches, &c)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	counted := w.now
	for end := w.now + d.Seconds(); ; {
		first := w.caches[0]
		for _, c := range w.caches {
			if c.next < first.next {
				first = c
			}
		}
		if w.now = first.next; w.now >= end {
			w.now = end
			return
		}
		if w.now > counted+60 {
			demand := 0.0
			if w.demand != nil {
				demand = w.demand(w.now)
			}
			w.store.Take(start+ns(w.now), 60, demand)
			counted = w.now
		}
		w.ask(first)
	}
}

func (w *world) ask(c *cache) {
	ttl := c.ttl
	if ttl == 0 {
		ttl = []float64{30, 60, 90, 120}[w.random.IntN(4)]
	}
	if c.servers < 2 || w.random.IntN(c.servers) == 0 {
		tell(w.store, c.key, start+ns(w.now), ttl)
	}
	kept := math.Max(ttl, c.floor)
	switch {
	case c.prefetch:
		kept *= 0.9
	case c.whole:
		kept += 1 - (w.now - math.Floor(w.now))
	}
	c.next = w.now + kept + w.random.ExpFloat64()/c.rate
}

// look is the record of the cache's key.
func (w *world) look(t testing.TB, c *cache) *Record {
	t.Helper()
	r, ok := w.store.Look(c.key)
	if !ok {
		t.Fatalf("%v is not kept", c.key.Prefix())
	}
	return &r
}

// right tells how far off the estimates are: the geometric mean of estimated
// over true rates, and the mean deviation as a factor.
func (w *world) right(t testing.TB) (bias, spread float64) {
	t.Helper()
	var sum, square float64
	for _, c := range w.caches {
		l := math.Log(math.Max(w.look(t, c).Rate(), 1e-9) / c.rate)
		sum, square = sum+l, square+l*l
	}
	n := float64(len(w.caches))
	return math.Exp(sum / n), math.Exp(math.Sqrt(square / n))
}
