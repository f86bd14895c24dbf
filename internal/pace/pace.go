package pace

import (
	"math"
	"time"
)

// Fact is what is written to Consul of a server or a VIP.
type Fact struct {
	Load        float64 // in whole steps once quantised
	Unknown     bool    // there is no load to tell of
	Connections int
	Boot        string
	Overloaded  bool // the alarm that goes with it; travels as the check's status
	Weight      int  // 0 where it never changes
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

// weightShareStep is the least change of a weight that matters.
const weightShareStep = 0.05

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
	same := !last.At.IsZero() && !last.Fact.Unknown && last.Fact.Overloaded == overloaded
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

// Next quantises the fact, and tells whether it is time to write it and it
// matters. The loss of more than half of the weight does not wait for the time:
// clients would be sent where nothing takes them.
func (p Pace) Next(now time.Time, last Published, f Fact) (Fact, bool) {
	if f.Unknown {
		f.Load, f.Connections = 0, 0
	} else {
		f.Load = p.Quantise(last, f.Load, f.Overloaded)
	}
	if last.At.IsZero() || 2*f.Weight < last.Fact.Weight {
		return f, true
	}
	since := now.Sub(last.At)
	if since < last.Gap {
		return f, false
	}
	return f, matters(last.Fact, f) || since >= p.Refresh
}

// Done is the state after a write. random, in [0, 1), spreads the writers:
// the gap is Every, plus or minus a fifth.
func (p Pace) Done(now time.Time, f Fact, random float64) Published {
	return Published{Fact: f, At: now, Gap: Jitter(p.Every, 0.2, random)}
}

func matters(a, b Fact) bool {
	return a.Load != b.Load || a.Unknown != b.Unknown || a.Boot != b.Boot || a.Overloaded != b.Overloaded ||
		connectionsMatter(a.Connections, b.Connections) || weightMatters(a.Weight, b.Weight)
}

func connectionsMatter(a, b int) bool {
	moved := math.Abs(float64(b - a))
	return moved >= connectionStep && moved >= connectionShareStep*float64(a)
}

func weightMatters(a, b int) bool {
	moved := math.Abs(float64(b - a))
	return moved >= 1 && moved >= weightShareStep*float64(a)
}
