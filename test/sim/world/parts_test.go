package world

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQueueIsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q queue
	for i := range 2000 {
		q.push(event{at: float64(r.IntN(500)), who: i})
	}
	last, n := math.Inf(-1), 0
	for len(q) > 0 {
		e := q.pop()
		if e.at < last {
			t.Fatalf("%v after %v", e.at, last)
		}
		last = e.at
		if n++; n < 3000 && n%2 == 0 { // while others come
			q.push(event{at: last + r.Float64()*100})
		}
	}
	if n < 3000 {
		t.Errorf("%d events came out", n)
	}
}

func TestZipf(t *testing.T) {
	for _, c := range []struct {
		name    string
		n, k    int
		uniform bool
		want    []int
	}{
		{name: "the papers' model", n: 500, k: 20,
			want: []int{139, 69, 46, 35, 28, 23, 20, 17, 15, 14, 13, 12, 11, 10, 9, 9, 8, 8, 7, 7}},
		{name: "uniform", n: 500, k: 20, uniform: true, want: slices.Repeat([]int{25}, 20)},
		{name: "remainders", n: 10, k: 3, want: []int{5, 3, 2}},
		{name: "more domains than clients", n: 2, k: 4, want: []int{1, 1, 0, 0}},
		{name: "one domain", n: 7, k: 1, want: []int{7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := zipf(c.n, c.k, c.uniform)
			sum := 0
			for _, n := range got {
				sum += n
			}
			if sum != c.n || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %d in all; want %v", got, sum, c.want)
			}
		})
	}
}

// TestResolvers ask the name server at those of some times at which they must.
// Every answer of it is another server, with a TTL of 60 s.
func TestResolvers(t *testing.T) {
	for _, c := range []struct {
		name     string
		resolver resolver
		at       []float64
		want     []int // the answers that clients get, by number
	}{
		{"plain", resolver{}, []float64{0.5, 30, 60.4, 60.5, 100}, []int{1, 1, 1, 2, 2}},
		{"floor", resolver{floor: 120}, []float64{0.5, 60.5, 120.4, 120.5}, []int{1, 1, 1, 2}},
		{"floor below the TTL", resolver{floor: 30}, []float64{0.5, 31, 61}, []int{1, 1, 2}},
		{"prefetch: who asks gets the old one", resolver{prefetch: true}, []float64{0, 53, 55, 56, 108, 110, 114}, []int{1, 1, 1, 2, 2, 2, 3}},
		{"prefetch of nobody", resolver{prefetch: true}, []float64{0, 61}, []int{1, 2}},
		{"serve-stale: who asks gets the old one", resolver{stale: true}, []float64{0, 59, 61, 62}, []int{1, 1, 1, 2}},
		{"whole seconds", resolver{whole: true}, []float64{0.5, 60.9, 61, 121.9, 122}, []int{1, 1, 2, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, r := 0, c.resolver
			for i, at := range c.at {
				got := r.lookup(at, func() ([]int, float64) {
					asked++
					return []int{asked}, 60
				})
				if got[0] != c.want[i] {
					t.Errorf("at %v s answer %d, want %d", at, got[0], c.want[i])
				}
			}
		})
	}
}

// TestResolversAreSpread: a third of them has a floor, heavy ones as light ones.
func TestResolversAreSpread(t *testing.T) {
	p := Defaults(35)
	p.Domains = 300
	p.Resolvers = Resolvers{Floor: 60, Floored: 1. / 3, Prefetch: 0.1, ServeStale: 1, WholeTTL: true}
	list := newResolvers(&p)
	keys := map[string]bool{}
	for _, part := range [][]*resolver{list[:100], list[100:200], list[200:]} {
		var floors, prefetch, stale int
		for _, r := range part {
			keys[r.key.String()] = true
			if r.floor == 60 {
				floors++
			}
			if r.prefetch {
				prefetch++
			}
			if r.stale && r.whole {
				stale++
			}
		}
		if math.Abs(float64(floors)-33) > 1 || math.Abs(float64(prefetch)-10) > 1 || stale != 100 {
			t.Errorf("%d with a floor, %d that prefetch, %d that serve stale, of 100", floors, prefetch, stale)
		}
	}
	if len(keys) != 300 {
		t.Errorf("%d different keys", len(keys))
	}
	if spread(3, 10, 0, 0) {
		t.Error("one of a share of none")
	}
}

func TestServerWorks(t *testing.T) {
	s := server{capacity: 10, nominal: 10}
	if done := s.give(0, 20); done != 2 {
		t.Errorf("20 hits are done at %v s, want 2", done)
	}
	if done := s.give(1, 10); done != 3 {
		t.Errorf("10 more wait until %v s, want 3", done)
	}
	if got := s.busy(2); got != 2 {
		t.Errorf("busy for %v s, want 2", got)
	}
	if got := s.utilisation(8); math.Abs(got-3/Window) > 1e-12 {
		t.Errorf("utilisation %v, want %v", got, 3/Window)
	}
	s.give(8, 1000)
	for _, at := range []float64{16, 24} {
		if got := s.utilisation(at); math.Abs(got-1) > 1e-12 {
			t.Errorf("utilisation %v while there is more than it can do", got)
		}
	}
	s.capacity /= 2
	if done := s.give(200, 10); done != 202 {
		t.Errorf("halved, it has done 10 hits at %v s, want 202", done)
	}
}

func TestResult(t *testing.T) {
	var r Result
	for i := range 10 {
		r.add(i >= 2, float64(i)/10, 0.4)
	}
	for i := range 100 {
		r.page(float64(i+1) / 100)
	}
	r.close()
	if len(r.Most) != 8 || r.Below(0.5) != 3./8 || r.Below(2) != 1 || r.Below(0) != 0 {
		t.Errorf("%d windows, %v below 0.5", len(r.Most), r.Below(0.5))
	}
	if got, want := r.Imbalance(), (0.2+0.3+0.4+0.5+0.6+0.7+0.8+0.9)/8/0.4; math.Abs(got-want) > 1e-9 {
		t.Errorf("imbalance %v, want %v", got, want)
	}
	if math.Abs(r.MeanPage-0.505) > 1e-9 || math.Abs(r.P95Page/0.95-1) > 0.02 {
		t.Errorf("pages take %v s, 95 %% of them %v s", r.MeanPage, r.P95Page)
	}
}
