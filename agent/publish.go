package agent

import (
	"math"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Fact is what is written to Consul as service metadata.
type Fact struct {
	Load        float64 // in whole steps
	Connections int
	Boot        string
	Overloaded  bool // the alarm that goes with it; travels as the check's status
}

// Meta is the fact as service metadata.
func (f Fact) Meta() map[string]string {
	return pool.Report{Load: f.Load, Connections: f.Connections, Boot: f.Boot}.Meta()
}

// Pace says when a new fact is worth a write. Each write is an entry in the
// log of every Consul server: five hundred agents must not add up.
type Pace struct {
	Every   time.Duration // shortest time between writes, on average
	Step    float64       // load is written in multiples of it
	Refresh time.Duration // write again at the latest after this, changed or not, to repair what others undid
	Limits  Limits        // where the alarm changes: quantising must not blur it
}

// The least change of connections that matters: a fifth, and a few.
const (
	connectionShareStep = 0.2
	connectionStep      = 10
)

// Published is what was written last, and when.
type Published struct {
	Fact Fact
	At   time.Time     // zero: nothing was written
	Gap  time.Duration // until the next write may follow
}

// Quantise is the load in whole steps. It stays at the last written value
// until the load is a whole step away, so that one which trembles on the edge
// between two steps is not written again and again: what stands in Meta is
// right to within a step. The value lies on the same side of the limits as the
// alarm, so that both tell readers the same.
func (p Pace) Quantise(last Published, load float64, overloaded bool) float64 {
	same := !last.At.IsZero() && last.Fact.Overloaded == overloaded
	if same && math.Abs(load-last.Fact.Load) < p.Step-epsilon {
		return last.Fact.Load
	}
	n := math.Round(load / p.Step)
	switch low, high := p.Limits.Low/p.Step, p.Limits.High/p.Step; {
	case overloaded && load > p.Limits.High:
		n = max(n, math.Floor(high+epsilon)+1)
	case overloaded:
		n = max(n, math.Ceil(low-epsilon))
	case load < p.Limits.Low:
		n = min(n, math.Ceil(low-epsilon)-1)
	default:
		n = min(n, math.Floor(high+epsilon))
	}
	return math.Round(max(0, n)*p.Step*1e6) / 1e6
}

// epsilon absorbs that 0.9/0.05 is not quite 18.
const epsilon = 1e-9

// Next is the fact to write now, if it is time and the fact matters.
func (p Pace) Next(now time.Time, last Published, r pool.Report, overloaded bool) (Fact, bool) {
	f := Fact{
		Load:        p.Quantise(last, r.Load, overloaded),
		Connections: r.Connections,
		Boot:        r.Boot,
		Overloaded:  overloaded,
	}
	if last.At.IsZero() {
		return f, true
	}
	since := now.Sub(last.At)
	if since < last.Gap {
		return f, false
	}
	return f, matters(last.Fact, f) || since >= p.Refresh
}

// Done is the state after a write. random, in [0, 1), spreads the agents:
// the gap is Every, plus or minus a fifth.
func (p Pace) Done(now time.Time, f Fact, random float64) Published {
	return Published{Fact: f, At: now, Gap: jitter(p.Every, 0.2, random)}
}

func matters(a, b Fact) bool {
	return a.Load != b.Load || a.Boot != b.Boot || a.Overloaded != b.Overloaded ||
		connectionsMatter(a.Connections, b.Connections)
}

func connectionsMatter(a, b int) bool {
	moved := math.Abs(float64(b - a))
	return moved >= connectionStep && moved >= connectionShareStep*float64(a)
}

// jitter is d times 1-share..1+share, by random in [0, 1).
func jitter(d time.Duration, share, random float64) time.Duration {
	return time.Duration(float64(d) * (1 + share*(2*random-1)))
}

// percent is a load as people read it.
func percent(load float64) string {
	return strconv.Itoa(int(math.Round(load*100))) + "%"
}
