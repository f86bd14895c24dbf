package belief

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"
)

const start = int64(1000e9)

// made is a belief of servers whose loads are given.
func made(loads ...float64) *Belief {
	b := New(300*time.Second, 600*time.Second)
	b.Fit(len(loads), 600*time.Second)
	b.Settle(loads, start, 0)
	return b
}

func (b *Belief) loads() []float64 { return slices.Clone(b.load) }

func alike(a, b []float64, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= tolerance })
}

func sum(of []float64) (s float64) {
	for _, v := range of {
		s += v
	}
	return s
}

func TestObserve(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name     string
		before   []float64
		measured []float64
		gain     float64
		want     []float64
	}{
		{"all the way", []float64{0.5, 0.5}, []float64{30, 10}, 1, []float64{0.75, 0.25}},
		{"half of it, as an exponent", []float64{0.5, 0.5}, []float64{80, 20}, 0.5, []float64{2. / 3, 1. / 3}},
		{"in any unit", []float64{0.5, 0.5}, []float64{0.03, 0.01}, 1, []float64{0.75, 0.25}},
		{"as believed", []float64{0.7, 0.3}, []float64{70, 30}, 0.3, []float64{0.7, 0.3}},
		{"who was not measured keeps its load", []float64{0.4, 0.4, 0.2}, []float64{30, 10, nan}, 1, []float64{0.6, 0.2, 0.2}},
		{"one alone tells nothing", []float64{0.4, 0.6}, []float64{500, nan}, 1, []float64{0.4, 0.6}},
		{"no gain", []float64{0.4, 0.6}, []float64{9, 1}, 0, []float64{0.4, 0.6}},
		{"nothing", []float64{0.4, 0.6}, []float64{nan, nan}, 1, []float64{0.4, 0.6}},
		{"all idle", []float64{0.4, 0.6}, []float64{0, 0}, 1, []float64{0.4, 0.6}},
		{"one idle: at most by a factor of ten", []float64{0.5, 0.5}, []float64{10, 0}, 1, []float64{2 / 2.1, 0.1 / 2.1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := made(c.before...)
			b.Observe(c.measured, c.gain)
			if got := b.loads(); !alike(got, c.want, 1e-4) {
				t.Errorf("got %.4f, want %.4f", got, c.want)
			}
		})
	}
}

// TestObserveNeverReachesZero: from there no factor leads back.
func TestObserveNeverReachesZero(t *testing.T) {
	b := made(0.5, 0.5)
	for range 100 {
		b.Observe([]float64{1, 0}, 1)
	}
	if l := b.Load(1); l <= 0 || math.Abs(sum(b.loads())-1) > 1e-9 {
		t.Fatalf("loads %v", b.loads())
	}
	for range 100 {
		b.Observe([]float64{1, 1}, 1)
	}
	if l := b.Load(1); math.Abs(l-0.5) > 1e-3 {
		t.Errorf("load %v did not come back", l)
	}
}

// TestForget clears a slot for another server.
func TestForget(t *testing.T) {
	b := made(0.5, 0.5)
	b.Tell(0, Of(0.4), start+int64(300*time.Second), start)
	b.Forget(0)
	if b.Load(0) != 0 || b.Recent(0) != 0 || b.Residual(0, start) != 0 || b.book.Load().told(0) != 0 {
		t.Error("something of the server before is left")
	}
	b.Advance([]float64{0.5, 0.5}, start+int64(time.Second))
	if got := sum(b.loads()); math.Abs(got-1) > 1e-9 || b.Load(0) <= 0 {
		t.Errorf("loads %v", b.loads())
	}
}

func TestFit(t *testing.T) {
	b := made(0.5, 0.5)
	b.Tell(1, Of(0.4), start+int64(300*time.Second), start)
	b.Fit(4, 600*time.Second)
	if b.book.Load().told(1) != Of(0.4) || b.Load(1) != 0.5 || b.Load(3) != 0 {
		t.Error("more servers changed what was known of the others")
	}
	b.Fit(2, 600*time.Second)
	if b.book.Load().slots != 4 {
		t.Error("fewer servers took slots away")
	}
	b.Tell(9, Of(0.4), start+int64(300*time.Second), start) // of a plan to come
	b.Withdraw(9, Of(0.4), start+int64(300*time.Second), start)
	b.Fit(4, time.Hour)
	if b.Load(1) != 0.5 || b.book.Load().slots != 4 {
		t.Error("another horizon changed loads")
	}
	b.Advance([]float64{0.25, 0.25, 0.25, 0.25}, start+int64(time.Hour))
	b.Foretell([]float64{30, 60}, []float64{0.25, 0.25, 0.25, 0.25}, 1)
	if b.Table().Slots() != 4 || math.Abs(sum(b.loads())-1) > 1e-9 {
		t.Errorf("%d slots with loads %v", b.Table().Slots(), b.loads())
	}
}

func TestNotStarted(t *testing.T) {
	b := New(300*time.Second, 600*time.Second)
	if b.Started() || b.Table().Slots() != 0 {
		t.Error("started before Settle")
	}
	b.Fit(1, 600*time.Second)
	b.Settle([]float64{1}, start, int64(time.Minute))
	b.Foretell([]float64{30}, []float64{1}, 1)
	if !b.Started() || b.Table().Settled != start+int64(time.Minute) {
		t.Errorf("settled at %d", b.Table().Settled)
	}
}

// TestTogether lets many tell while the belief grows and moves on. The race
// detector looks on.
func TestTogether(t *testing.T) {
	b := made(0.5, 0.5)
	shares := []float64{0.5, 0.5}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 5000 {
				slot, now := uint16((g+i)%40), start+int64(i)*int64(10*time.Millisecond)
				b.Tell(slot, Of(0.001), now+int64(30*time.Second), now)
				b.Recent(slot)
				if table := b.Table(); int(slot) < table.Slots() && len(table.Ahead(slot)) != 2 {
					t.Error("a table of another size")
				}
				if i%2 == 0 {
					b.Withdraw(slot, Of(0.001), now+int64(30*time.Second), now)
				}
			}
		})
	}
	for i := range 100 {
		b.Fit(2+i/3, 600*time.Second)
		if i%10 == 0 {
			b.Forget(i % 2)
		}
		b.Advance(shares, start+int64(i)*int64(time.Second))
		b.Observe(make([]float64, len(b.load)), 0.1)
		b.Foretell([]float64{30, 60}, shares, 1.1)
	}
	all.Wait()
	if got := sum(b.loads()); math.Abs(got-1) > 1e-9 {
		t.Errorf("loads add up to %v", got)
	}
}
