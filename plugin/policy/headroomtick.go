package policy

import (
	"math"
	"slices"
	"time"
)

// Adopt implements Learner.
func (h *headroom) Adopt(p *Plan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.view = h.roster.view(p, h.forget)
	h.belief.Fit(h.roster.size, p.Config.TTL)
	h.belief.Stay(p.Config.Session)
	for len(h.capacity) < h.roster.size {
		h.capacity, h.faded = append(h.capacity, capacity{}), append(h.faded, 1)
	}
	h.recall(p)
	stale := h.plan == nil || h.plan.Config != p.Config || !slices.Equal(h.plan.view.shares, p.view.shares)
	if h.plan == nil || h.plan.Config != p.Config {
		h.grid = newGrid(p.Config.MinTTL, p.Config.TTL)
		h.keys.Least(int64(h.grid[0]))
	}
	h.plan = p
	h.fade(p.At)
	if !h.belief.Started() && len(p.view.shares) > 0 {
		h.belief.Settle(p.view.shares, p.At.UnixNano(), int64(p.Config.startTime()))
	}
	if stale { // else the next tick will do
		h.foretell()
	}
}

// forget clears a slot that another server will have: it has nothing of the one
// before.
func (h *headroom) forget(slot int) {
	h.belief.Forget(slot)
	h.capacity[slot] = capacity{}
}

// Tick implements Learner.
func (h *headroom) Tick(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.plan == nil || !h.belief.Started() {
		return
	}
	dt, tickEvery := now.Sub(h.ticked), h.plan.Config.tickEvery()
	switch {
	case h.ticked.IsZero() || dt < 0:
		dt = tickEvery
	case dt < tickEvery, dt < h.plan.Config.tickIdle() && now.UnixNano()-h.asked.Load() > int64(idleAfter):
		return
	}
	h.ticked = now
	h.fade(now)
	dt = h.plan.Config.paced(dt)
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
	if now.Sub(h.counted) >= h.plan.Config.tickEvery()+time.Duration(h.keys.Len())*countPerKey {
		h.counted = now
		h.keys.Take(now.UnixNano(), h.plan.Config.MeanTTL.Seconds(), demand(h.plan, now))
	}
	if c := h.keys.Census(); c.Affordable > 0 {
		h.servo.move(c.Questions/c.Affordable, dt)
	}
}

// fade notes how far reports are forgotten. Of a server that is out none counts:
// its connections are those of before.
func (h *headroom) fade(now time.Time) {
	for i := range h.faded {
		h.faded[i] = 1
	}
	for i := range h.plan.Members {
		m := &h.plan.Members[i]
		if _, known := loadOf(m.Server); known && m.In {
			h.faded[h.plan.view.slots[i]] = fade(m.Server.Load.Age(now))
		}
	}
}

// learn takes in the servers' fresh reports.
func (h *headroom) learn(dt time.Duration) {
	for i := range h.plan.Members {
		if slot := h.plan.view.slots[i]; h.faded[slot] == 0 {
			h.capacity[slot].learn(h.plan.Members[i].Server, dt)
		}
	}
}

// shares are the servers' shares of the capacity as learned, by slot.
func (h *headroom) shares() []float64 {
	return learned(h.plan.view.shares, h.capacity, h.faded)
}

// measured are the servers' loads as freshly reported, by slot, NaN where they
// were not: connections if all tell them, else the part of their capacity that
// is in use.
func (h *headroom) measured() []float64 {
	out, shares := make([]float64, h.roster.size), h.shares()
	connections := true
	for i := range out {
		out[i] = math.NaN()
	}
	for i := range h.plan.Members {
		slot, s := h.plan.view.slots[i], h.plan.Members[i].Server
		if h.faded[slot] == 0 {
			out[slot] = s.Load.Value * shares[slot]
			connections = connections && s.Load.Connections > 0
		}
	}
	for i := range h.plan.Members {
		if slot := h.plan.view.slots[i]; connections && h.faded[slot] == 0 {
			out[slot] = float64(h.plan.Members[i].Server.Load.Connections)
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

// Close implements Learner.
func (h *headroom) Close() { h.keys.Close() }
