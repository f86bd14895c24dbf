package belief

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// slow is the equation of the package comment, stepped through in small steps.
type slow struct {
	load   []float64
	shares []float64
	told   []lasting
}

type lasting struct {
	slot  int
	mass  float64
	until float64
}

func (s *slow) run(from, to float64) {
	const dt = 0.05
	for at := from; at < to-1e-9; at += dt {
		told, all := make([]float64, len(s.load)), 0.0
		for _, l := range s.told {
			if l.until > at+dt/2 {
				told[l.slot] += l.mass
				all += l.mass
			}
		}
		for i := range s.load {
			s.load[i] += dt / 300 * (told[i] + s.shares[i]*(1-all) - s.load[i])
		}
	}
}

func ns(seconds float64) int64 { return int64(seconds * 1e9) }

// TestForetold compares what is foretold, and what is believed afterwards, with
// the equation run step by step.
func TestForetold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shares := []float64{0.5, 0.3, 0.2}
	b := New(300*time.Second, 600*time.Second)
	b.Fit(3, 600*time.Second)
	const start = 1000.0
	b.Settle([]float64{0.2, 0.2, 0.6}, ns(start), 0)
	reference := slow{load: []float64{0.2, 0.2, 0.6}, shares: shares}
	for i := range 20 {
		// Buckets are 10 s wide: expiry on their edges is exact.
		l := lasting{slot: r.IntN(3), mass: r.Float64() / 25, until: start + 10*float64(1+r.IntN(50))}
		if i == 0 {
			l.until = start + 10
		}
		reference.told = append(reference.told, l)
		b.Tell(uint16(l.slot), Of(l.mass), ns(l.until), ns(start))
	}
	grid := []float64{15, 40, 111, 300, 600}
	b.Foretell(grid, shares, 1.1)
	table := b.Table()
	at := start
	for g, ahead := range grid {
		reference.run(at, start+ahead)
		at = start + ahead
		for slot := range shares {
			if got, want := table.Ahead(uint16(slot))[g], reference.load[slot]; math.Abs(got-want) > 2e-3 {
				t.Errorf("in %v s slot %d: foretold %.4f, want %.4f", ahead, slot, got, want)
			}
		}
	}
	for now := start; now <= start+600; now += 3 {
		b.Advance(shares, ns(now))
	}
	for slot := range shares {
		if got, want := b.Load(slot), reference.load[slot]; math.Abs(got-want) > 2e-3 {
			t.Errorf("after 600 s slot %d: %.4f, want %.4f", slot, got, want)
		}
	}
}
