package agent

import (
	"math"
	"time"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/pool"
)

// Average is an exponentially weighted moving average over elapsed time. The
// weights are normalised, so that it means something from the first value on:
// two values of equal length count alike, where a plain EWMA would keep to the
// first for a whole time constant. The zero Average has seen nothing.
type Average struct {
	sum, weight float64
}

// Add takes in a value that held for dt, and forgets with the time constant
// tau: after tau a value has 1/e of its weight left. Without tau only the last
// value counts.
func (a *Average) Add(value float64, dt, tau time.Duration) float64 {
	keep := 0.0
	if tau > 0 {
		keep = math.Exp(-float64(max(dt, time.Millisecond)) / float64(tau))
	}
	a.sum = a.sum*keep + value*(1-keep)
	a.weight = a.weight*keep + (1 - keep)
	return a.Value()
}

// Value is the average, 0 before the first Add.
func (a *Average) Value() float64 {
	if a.weight == 0 {
		return 0
	}
	return a.sum / a.weight
}

// Smoothing makes one load of the samples.
type Smoothing struct {
	TimeConstant    time.Duration // of the averages of run queue, CPU and PSI
	MaxConnections  int           // the connections that are a load of 1; 0: they do not count
	HoldApplication time.Duration // how long the application's last number stands in for a missing one

	runQueue, cpu, psi Average
	last               time.Time
	application        float64
	applicationAt      time.Time
}

// Add takes in a sample of the time at and tells the load and what is behind
// it. ok is false if nothing was measured that load could come from.
func (s *Smoothing) Add(at time.Time, in load.Sample) (value float64, out pool.Samples, ok bool) {
	dt := max(0, at.Sub(s.last))
	if s.last.IsZero() {
		dt = s.TimeConstant / 8 // the first sample weighs about as much as the next few
	}
	s.last = at
	out = pool.Samples{
		RunQueue:    s.average(&s.runQueue, in.RunQueue, dt),
		CPU:         s.average(&s.cpu, in.CPU, dt),
		PSI:         s.average(&s.psi, in.PSI, dt),
		Connections: connectionShare(in.Connections, s.MaxConnections),
		Application: s.hold(at, in.Application),
	}
	value, ok = Combine(out)
	return value, out, ok
}

func (s *Smoothing) average(a *Average, v *float64, dt time.Duration) *float64 {
	if v == nil {
		return nil
	}
	return new(round4(a.Add(*v, dt, s.TimeConstant)))
}

// hold bridges a few answers that the application failed to give: falling
// back at once to the machine's signals, another scale, would look like a jump.
func (s *Smoothing) hold(at time.Time, v *float64) *float64 {
	if v != nil {
		s.application, s.applicationAt = *v, at
		return v
	}
	if s.applicationAt.IsZero() || at.Sub(s.applicationAt) > s.HoldApplication {
		return nil
	}
	return new(s.application)
}

func connectionShare(n *int, most int) *float64 {
	if n == nil || most <= 0 {
		return nil
	}
	return new(round4(float64(*n) / float64(most)))
}

// Combine is the load that measurements stand for, 0..pool.MaxLoad: what the
// application says, if it does, since it knows best what it runs out of; else
// the worst of the CPU's busy share, half the run queue per core, and the
// share of the allowed connections, for a server is as loaded as its scarcest
// part. PSI is reported but does not count: it tells of waiting, not of how
// much room is left. ok is false if there is nothing to go by.
func Combine(m pool.Samples) (value float64, ok bool) {
	if m.Application != nil {
		return clamp(*m.Application), true
	}
	for _, part := range []struct {
		v     *float64
		scale float64
	}{{m.CPU, 1}, {m.RunQueue, 0.5}, {m.Connections, 1}} {
		if part.v != nil {
			value, ok = max(value, *part.v*part.scale), true
		}
	}
	return round4(clamp(value)), ok
}

func clamp(v float64) float64 { return min(max(0, v), pool.MaxLoad) }

// round4 keeps reports short: a load's fifth digit tells nothing.
func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }
