package policy

import (
	"fmt"
	"maps"
	"math"
	"time"
)

// Memory is what a learner leaves to the next process: what it has learned, but
// not what is true for the moment only, as who has which answer.
type Memory struct {
	Tolerance float64            `json:"tolerance"`
	Gain      float64            `json:"gain"`
	Bears     map[string]float64 `json:"bears,omitempty"` // by server ID: log of connections at full load, for a unit of capacity
	Keys      []byte             `json:"keys"`            // see hidden.Store
}

// Rememberer is a Learner that can go on where one of an earlier process ended.
type Rememberer interface {
	Learner
	// Remember tells what is worth keeping; false for nothing. It is safe for
	// concurrent use.
	Remember() (Memory, bool)
	// Recall takes in what was kept, before the first plan that has servers. A
	// mistake leaves everything as it is.
	Recall(m Memory, now time.Time) error
}

// Remember implements Rememberer.
func (h *headroom) Remember() (Memory, bool) {
	keys := h.keys.Save()
	h.mu.Lock()
	defer h.mu.Unlock()
	m := Memory{Keys: keys, Tolerance: h.servo.tolerance, Gain: h.observer.gain, Bears: maps.Clone(h.recalled)}
	if m.Bears == nil {
		m.Bears = map[string]float64{}
	}
	for id, slot := range h.roster.slots {
		if c := h.capacity[slot]; c.known {
			m.Bears[id] = c.slow
		}
	}
	return m, h.keys.Len() > 0 || len(m.Bears) > 0
}

// Recall implements Rememberer.
func (h *headroom) Recall(m Memory, now time.Time) error {
	for what, v := range map[string]float64{"tolerance": m.Tolerance, "gain": m.Gain} {
		if !(v > 0 && v <= 1) {
			return fmt.Errorf("%s is %v, not within 0 and 1", what, v)
		}
	}
	for id, v := range m.Bears {
		if !(math.Abs(v) < 100) {
			return fmt.Errorf("what %s bears is %v", id, v)
		}
	}
	if err := h.keys.Restore(m.Keys, now.UnixNano()); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servo.tolerance = clamp(m.Tolerance, leastTolerant, mostTolerant)
	h.observer.gain = clamp(m.Gain, leastGain, mostGain)
	h.recalled = maps.Clone(m.Bears)
	return nil
}

// recall gives the plan's servers what earlier ones of their names were learned to
// bear. The caller holds mu.
func (h *headroom) recall(p *Plan) {
	for i := range p.Members {
		id, slot := p.Members[i].Server.ID, p.view.slots[i]
		if v, ok := h.recalled[id]; ok {
			h.capacity[slot] = capacity{fast: v, slow: v, known: true}
			delete(h.recalled, id)
		}
	}
}
