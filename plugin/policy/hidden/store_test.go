package hidden

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"unsafe"
)

// twice asks in the manner of a cache, so that the key is taken in.
func twice(s *Store, key Key, at float64, ttl float64) {
	tell(s, key, start+ns(at), ttl)
	tell(s, key, start+ns(at+ttl+1), ttl)
}

// TestAdmission: a key is taken in when it has asked again in the manner of a
// cache.
func TestAdmission(t *testing.T) {
	early := make([]float64, 9)
	for i := range early {
		early[i] = 2 * float64(i)
	}
	for _, c := range []struct {
		name string
		asks []float64 // s; the TTL is 60 s
		kept bool
	}{
		{"one question", []float64{0}, false},
		{"a second one when the answer is over", []float64{0, 61}, true},
		{"a second one long after", []float64{0, 5000}, true},
		{"a second one shortly before, as one that prefetches", []float64{0, 50}, true},
		{"a second one too early", []float64{0, 30}, false},
		{"too early, and then in time", []float64{0, 30, 85}, true},
		{"a repetition", []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}, false},
		{"again and again, as a farm", early, true},
		{"the clock is set back", []float64{100, 30}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewStore(100, nil, 1)
			for _, at := range c.asks {
				tell(s, keyOf(t, 1), start+ns(at), 60)
			}
			if r, ok := s.Look(keyOf(t, 1)); ok != c.kept || s.Len() != map[bool]int{true: 1}[c.kept] {
				t.Errorf("kept %v (%d keys, %+v), want %v", ok, s.Len(), r, c.kept)
			}
		})
	}
}

func TestFamiliesAreKeptApart(t *testing.T) {
	s := NewStore(100, nil, 1)
	for family := range uint8(2) {
		k, _ := KeyOf(netip.MustParsePrefix("192.0.2.53/32"), family)
		twice(s, k, float64(family), 60)
	}
	if s.Len() != 2 {
		t.Errorf("%d keys, want one for each family", s.Len())
	}
}

// TestFlood: sources that are not there neither grow the store nor take the place of those
// that are known.
func TestFlood(t *testing.T) {
	w := newWorld(17)
	for i := range 100 {
		w.add(cache{key: keyOf(t, i), rate: 0.1})
	}
	w.run(3600e9)
	before := w.store.Len()
	for i := range 100_000 {
		tell(w.store, keyOf(t, 1<<22+i*7), start+ns(w.now+float64(i)/1000), 60)
	}
	if got := w.store.Len(); got != before {
		t.Errorf("%d keys, before the flood %d", got, before)
	}
	for _, c := range w.caches {
		w.look(t, c)
	}
}

// TestLimit: of more keys than there is room for the heavy ones stay.
func TestLimit(t *testing.T) {
	const limit, heavy = 1024, 200
	s := NewStore(limit, nil, 5)
	ask := func(i int, now float64) { tell(s, keyOf(t, i), start+ns(now), 30) }
	before := 0
	for round := range 40 {
		if round == 4 {
			before = kept(t, s, heavy)
		}
		now := float64(round) * 31
		for i := range heavy { // as soon as they may
			ask(i, now)
		}
		for i := range 1500 { // twice each
			if round > 3 {
				ask(heavy+round*1500+i, now)
				ask(heavy+(round-1)*1500+i, now)
			}
		}
	}
	if s.Len() > limit {
		t.Errorf("%d keys, limit %d", s.Len(), limit)
	}
	if got := kept(t, s, heavy); got < before || before < heavy*9/10 {
		t.Errorf("%d of %d heavy keys are kept, before %d", got, heavy, before)
	}
}

func kept(t *testing.T, s *Store, n int) (kept int) {
	for i := range n {
		if _, ok := s.Look(keyOf(t, i)); ok {
			kept++
		}
	}
	return kept
}

func TestLimitUnderManyKeys(t *testing.T) {
	s := NewStore(DefaultLimit, nil, 5)
	for i := range 200_000 {
		if key := keyOf(t, i); i%4 == 0 {
			twice(s, key, float64(i)*0.01, 30)
		} else {
			tell(s, key, start+ns(float64(i)*0.01), 30)
		}
	}
	if got := s.Len(); got > DefaultLimit || got < DefaultLimit*9/10 {
		t.Errorf("%d keys, limit %d", got, DefaultLimit)
	}
	if size := unsafe.Sizeof(Record{}); size > 200 {
		t.Errorf("a record takes %d bytes", size)
	}
}

// TestQuietKeysMakeRoom: those that have not asked for long are the first to go.
func TestQuietKeysMakeRoom(t *testing.T) {
	const limit = 256
	s := NewStore(limit, nil, 5)
	ask := func(first int, from float64) {
		for round := range 6 {
			for i := range limit {
				tell(s, keyOf(t, first+i), start+ns(from+float64(round)*31), 30)
			}
		}
	}
	ask(0, 0)
	ask(10_000, 3*3600)
	for i := range limit { // who has no place in its shard asks again
		twice(s, keyOf(t, 10_000+i), 3*3600+400, 30)
	}
	if old := kept(t, s, limit); old > limit/3 {
		t.Errorf("%d of %d quiet keys are still there", old, limit)
	}
}

func TestRoom(t *testing.T) {
	room := NewRoom(150)
	a, b := NewStore(1000, room, 1), NewStore(1000, room, 2)
	for i := range 200 {
		twice(a, keyOf(t, i), 0, 60)
	}
	if a.Len() != 150 {
		t.Fatalf("%d keys, with room for 150", a.Len())
	}
	for i := range 20 {
		twice(b, keyOf(t, i), 0, 60)
	}
	if b.Len() != 0 {
		t.Errorf("%d keys, with no room left", b.Len())
	}
	a.Close()
	for i := range 200 {
		twice(b, keyOf(t, i), 100, 60)
	}
	if b.Len() != 150 {
		t.Errorf("%d keys, after the other store gave back its room for 150", b.Len())
	}
}

func TestTogether(t *testing.T) {
	s := NewStore(256, NewRoom(200), 3)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 0))
			for i := range 5000 {
				tell(s, keyOf(t, r.IntN(600)), start+ns(float64(i)*10), 30)
			}
		})
	}
	for i := range 60 {
		s.Take(start+ns(float64(i)*800), 60, 5)
		s.Shaped(60, func(rate float64) float64 { return 1 / max(rate, 1e-6) })
		s.Look(keyOf(t, i))
		s.Least(int64(i))
	}
	all.Wait()
	if s.Len() > 200 {
		t.Errorf("%d keys, with room for 200", s.Len())
	}
}

// TestAMomentBefore: questions of almost the same time count once, in whichever
// order they are heard of.
func TestAMomentBefore(t *testing.T) {
	s, key := NewStore(100, nil, 1), keyOf(t, 1)
	for i := range 20 {
		tell(s, key, start+ns(70*float64(i)), 60)
	}
	want, _ := s.Look(key)
	tell(s, key, want.Last-ns(0.03), 60)
	if got, _ := s.Look(key); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
