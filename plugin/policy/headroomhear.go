package policy

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// Listener is a Learner that also learns from what other name servers of the zone
// answer. One that hears of everything knows as much as if it were alone.
type Listener interface {
	Learner
	// Hear takes in that the key of q was given c at q.Now by another name server.
	// The members are those of p that it was given and that p knows, of so many
	// servers; there may be none. It is safe for concurrent use, also with Draw, and
	// does not wait.
	Hear(p *Plan, q Query, c Choice, servers int)
}

// Hear implements Listener: the key is noted as it is by Draw, with the answer
// that it has. Whether it counts is for this name server to say. Of answers at
// almost the same moment the last one stands, at all name servers.
func (h *headroom) Hear(p *Plan, q Query, c Choice, servers int) {
	if !h.draws(p, h.belief.Table(), q) {
		return
	}
	key, _ := hidden.KeyOf(q.Key, uint8(q.Family))
	now := q.Now.UnixNano()
	h.note(now)
	sh, r := h.keys.Ask(key, now)
	if r != nil && r.Last <= now {
		h.withdraw(r, now)
		r.TTL = float32(c.TTL.Seconds())
		if h.keys.Census().Trusts(r) && c.N > 0 {
			known := float64(c.N) / float64(max(servers, c.N))
			h.hold(p, r, &c, h.weight(r)*known, now)
		}
	}
	h.keys.Release(sh, r, key, now, c.TTL.Seconds())
}

// note remembers when the last question came, to the second.
func (h *headroom) note(now int64) {
	if now-h.asked.Load() > int64(time.Second) {
		h.asked.Store(now)
	}
}

// weight is the share of all sessions that an answer to the key steers.
func (h *headroom) weight(r *hidden.Record) float64 {
	return h.keys.Census().Weight(r.Rate()) / r.Caches()
}
