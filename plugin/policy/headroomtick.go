package policy

import (
	"math"
	"time"
)

// How often time is let pass: every second, and seldom for a name that nobody
// asks for.
const (
	tickEvery   = time.Second
	tickIdle    = 30 * time.Second
	idleAfter   = 5 * time.Minute
	countPerKey = 400 * time.Microsecond // between censuses: 9 s at 20,000 keys
)

// Adopt implements Learner.
func (h *headroom) Adopt(p *Plan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.view = h.roster.view(p, h.belief.Forget)
	h.belief.Fit(h.roster.size, p.Config.TTL)
	for len(h.capacity) < h.roster.size {
		h.capacity = append(h.capacity, capacity{})
	}
	if h.plan == nil || h.plan.Config != p.Config {
		h.grid = newGrid(p.Config.MinTTL, p.Config.TTL)
		h.keys.Least(int64(h.grid[0]))
	}
	h.plan = p
	if !h.belief.Started() && len(p.view.shares) > 0 {
		h.belief.Settle(p.view.shares, p.At.UnixNano(), startTime)
	}
	h.foretell()
}

// Tick implements Learner.
func (h *headroom) Tick(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.plan == nil || !h.belief.Started() {
		return
	}
	dt := now.Sub(h.ticked)
	switch {
	case h.ticked.IsZero() || dt < 0:
		dt = tickEvery
	case dt < tickEvery, dt < tickIdle && now.UnixNano()-h.asked.Load() > int64(idleAfter):
		return
	}
	h.ticked = now
	h.learn(dt)
	h.belief.Advance(h.shares(), now.UnixNano())
	measured := h.measured()
	h.observer.adapt(measured, h.belief.Load)
	h.belief.Observe(measured, h.observer.part(dt))
	h.count(now, dt)
	h.foretell()
}

// count takes a census, the more seldom the more keys there are.
func (h *headroom) count(now time.Time, dt time.Duration) {
	if now.Sub(h.counted) >= tickEvery+time.Duration(h.keys.Len())*countPerKey {
		h.counted = now
		h.keys.Take(now.UnixNano(), h.plan.Config.MeanTTL.Seconds(), demand(h.plan))
	}
	if c := h.keys.Census(); c.Affordable > 0 {
		h.servo.move(c.Questions/c.Affordable, dt)
	}
}

// learn takes in the servers' reports.
func (h *headroom) learn(dt time.Duration) {
	for i := range h.plan.Members {
		s := h.plan.Members[i].Server
		if s.Load.Known() {
			h.capacity[h.plan.view.slots[i]].learn(s, dt)
		}
	}
}

// shares are the servers' shares of the capacity as learned, by slot.
func (h *headroom) shares() []float64 {
	return learned(h.plan.view.shares, h.capacity)
}

// measured are the servers' loads as reported, by slot, as far as they are
// known: connections if all tell them, else the part of their capacity that is
// in use.
func (h *headroom) measured() []float64 {
	out := make([]float64, h.roster.size)
	for i := range out {
		out[i] = math.NaN()
	}
	connections := true
	for i := range h.plan.Members {
		s := h.plan.Members[i].Server
		connections = connections && (s.Load.Connections > 0 || !s.Load.Known())
	}
	shares := h.shares()
	for i := range h.plan.Members {
		slot, s := h.plan.view.slots[i], h.plan.Members[i].Server
		switch {
		case !s.Load.Known():
		case connections:
			out[slot] = float64(s.Load.Connections)
		default:
			out[slot] = s.Load.Value * shares[slot]
		}
	}
	return out
}

func (h *headroom) foretell() {
	h.belief.Foretell(h.grid, h.shares(), 1+h.servo.tolerance)
}

// newGrid are the TTLs that answers may have: from the least to the most in
// whole seconds, each about a fifth longer than the one before. Few different
// ones let signatures be reused.
func newGrid(least, most time.Duration) []float64 {
	const ratio = 1.2
	low, high := math.Ceil(least.Seconds()), math.Floor(most.Seconds())
	var grid []float64
	for at := low; at < high; at *= ratio {
		if t := math.Round(at); len(grid) == 0 || t > grid[len(grid)-1] {
			grid = append(grid, t)
		}
	}
	return append(grid, high)
}

// Explain implements Learner.
func (h *headroom) Explain(p *Plan, q Query) Insight { return Insight{Choice: h.Draw(p, q)} }

// Close implements Learner.
func (h *headroom) Close() { h.keys.Close() }
