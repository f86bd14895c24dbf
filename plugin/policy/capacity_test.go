package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// plant is a pool whose servers get a constant part of the clients: connections
// follow the shares, and loads follow connections over true capacities.
type plant struct {
	configured, actual []float64
	connections        float64 // of all
	noise              float64 // relative, of each report
	shift              float64 // clients of the first server beyond its part, relative
	random             *rand.Rand
	learned            []capacity
	faded              []float64
}

func newPlant(configured ...float64) *plant {
	p := &plant{configured: configured, actual: append([]float64(nil), configured...), connections: 400,
		random: rand.New(rand.NewPCG(3, 4))}
	p.learned, p.faded = make([]capacity, len(configured)), make([]float64, len(configured))
	return p
}

// run lets reports come every eight seconds for some time.
func (p *plant) run(d time.Duration) {
	sum := total(p.configured)
	for ; d > 0; d -= 8 * time.Second {
		for i, c := range p.configured {
			n := p.connections * c / sum
			if i == 0 {
				n *= 1 + p.shift
			}
			load := n / 1000 * sum / p.actual[i] // 1000 connections are all that all can bear
			report := pool.Load{Value: min(load, 1) * (1 + p.noise*p.random.NormFloat64()), Connections: int(n*(1+p.noise*p.random.NormFloat64()) + 0.5)}
			p.learned[i].learn(&pool.Server{Capacity: c, Load: report}, 8*time.Second)
		}
	}
}

// shares are as configured, and as learned.
func (p *plant) shares() (before, after []float64) {
	for _, c := range p.configured {
		before = append(before, c/total(p.configured))
	}
	return before, learned(before, p.learned, p.faded)
}

func total(of []float64) (sum float64) {
	for _, v := range of {
		sum += v
	}
	return sum
}

func TestCapacityIsLearned(t *testing.T) {
	t.Run("as configured", func(t *testing.T) {
		p := newPlant(2, 1, 1)
		p.run(20 * time.Minute)
		checkLearned(t, p, 0.001, 0.5, 0.25, 0.25)
	})
	t.Run("a server is halved: noticed within two minutes", func(t *testing.T) {
		p := newPlant(2, 1, 1)
		p.run(20 * time.Minute)
		p.actual[0] = 1
		p.run(2 * time.Minute)
		checkLearned(t, p, 0.15, 1./3, 1./3, 1./3)
	})
	t.Run("and learned", func(t *testing.T) {
		p := newPlant(2, 1, 1)
		p.run(20 * time.Minute)
		p.actual[0] = 1
		p.run(10 * time.Minute)
		checkLearned(t, p, 0.05, 1./3, 1./3, 1./3)
	})
	t.Run("and unlearned", func(t *testing.T) {
		p := newPlant(2, 1, 1)
		p.actual[0] = 1
		p.run(20 * time.Minute)
		p.actual[0] = 2
		p.run(10 * time.Minute)
		checkLearned(t, p, 0.05, 0.5, 0.25, 0.25)
	})
	t.Run("from the first report on", func(t *testing.T) {
		p := newPlant(1, 1)
		p.actual[0] = 0.5
		p.run(8 * time.Second)
		checkLearned(t, p, 0.1, 1./3, 2./3)
	})
	t.Run("not less than a quarter", func(t *testing.T) {
		p := newPlant(1, 1, 1, 1, 1)
		p.actual[0], p.connections = 0.02, 60
		p.run(10 * time.Minute)
		before, after := p.shares()
		if ratio := after[0] / after[1] / (before[0] / before[1]); ratio < 0.15 {
			t.Errorf("shares %.3f", after)
		}
	})
	t.Run("more clients are not less capacity", func(t *testing.T) {
		p := newPlant(1, 1, 1)
		p.run(10 * time.Minute)
		p.shift = 0.4
		p.run(10 * time.Minute)
		checkLearned(t, p, 0.01, 1./3, 1./3, 1./3)
	})
	t.Run("a forgotten report counts for nothing", func(t *testing.T) {
		p := newPlant(1, 1)
		p.actual[0] = 0.5
		p.run(10 * time.Minute)
		p.faded = []float64{1, 1}
		checkLearned(t, p, 0.001, 0.5, 0.5)
	})
}

// checkLearned: shares are those wanted, to a relative tolerance.
func checkLearned(t *testing.T, p *plant, tolerance float64, want ...float64) {
	t.Helper()
	_, after := p.shares()
	if math.Abs(total(after)-1) > 1e-9 {
		t.Errorf("shares %v add up to %v", after, total(after))
	}
	for i := range want {
		if math.Abs(after[i]/want[i]-1) > tolerance {
			t.Errorf("shares %.3f, want %.3f to within %v", after, want, tolerance)
			return
		}
	}
}

// TestCapacityNoise: what is configured is believed unless reports say clearly
// otherwise.
func TestCapacityNoise(t *testing.T) {
	p := newPlant(1, 1, 1, 0.8, 0.8, 0.8, 0.8)
	p.noise = 0.05
	p.run(5 * time.Minute)
	for range 60 {
		p.run(time.Minute)
		before, after := p.shares()
		for i := range before {
			if math.Abs(after[i]/before[i]-1) > 0.02 {
				t.Fatalf("shares %.4f, configured %.4f", after, before)
			}
		}
	}
}

// TestCapacityAtFullLoad: load says no more how much slower a server is, but it
// is slower than believed.
func TestCapacityAtFullLoad(t *testing.T) {
	p := newPlant(1, 1, 1)
	p.run(10 * time.Minute)
	p.actual[0] = 0.3 // it has more to do than it can
	last := 1. / 3
	for range 4 {
		p.run(time.Minute)
		_, after := p.shares()
		if after[0] >= last {
			t.Fatalf("its share is %.3f, and was %.3f a minute ago", after[0], last)
		}
		last = after[0]
	}
}

func TestCapacityIsNotLearned(t *testing.T) {
	for _, c := range []struct {
		name   string
		server pool.Server
	}{
		{"of a server at rest", pool.Server{Capacity: 1, Load: pool.Load{Value: 0.04, Connections: 50}}},
		{"without connections", pool.Server{Capacity: 1, Load: pool.Load{Value: 0.5}}},
		{"of a server without capacity", pool.Server{Load: pool.Load{Value: 0.5, Connections: 50}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l capacity
			l.learn(&c.server, time.Second)
			if l.known {
				t.Errorf("learned %+v", l)
			}
		})
	}
}

func TestLearnedOfNobody(t *testing.T) {
	for _, shares := range [][]float64{{}, {0, 0}, {1, 0}} {
		got := learned(shares, make([]capacity, 2), make([]float64, 2))
		if fmt.Sprint(got) != fmt.Sprint(shares) {
			t.Errorf("%v became %v", shares, got)
		}
	}
}
