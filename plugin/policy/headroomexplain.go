package policy

import (
	"fmt"
	"math"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/belief"
	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// Explain implements Learner.
func (h *headroom) Explain(p *Plan, q Query) Insight {
	t := h.belief.Table()
	if !h.draws(p, t, q) {
		return Insight{Choice: weighted{}.Draw(p, q), Sampled: true, Bounds: p.Bounds}
	}
	hid, r := hiddenOf(h.keys, p, q, q.Now.UnixNano())
	in := Insight{Hidden: hid, Tolerance: t.Limit - 1, Servers: h.believed(p, t, q, &r)}
	if !hid.Known || !hid.Trusted {
		in.Choice, in.Sampled = weighted{}.Draw(p, q), true
		in.Choice.TTL = h.strangersTTL(p, t, q.Now.UnixNano())
		in.Bounds = append([]Bound{{Name: "mean-ttl", TTL: in.Choice.TTL, Why: "keys that are not known one by one get this"}}, p.Bounds...)
		return in
	}
	best := h.rank(p, t, q, hid.Weight/hid.Caches, r.Floor())
	bounds := h.limits(p, t, &best, &r, q.Now.UnixNano())
	in.Choice = best.choice(bounds.shortest(p, t))
	in.Bounds = bounds.all(p, t)
	return in
}

// believed is what is believed of each member, and for how long the key fits.
func (h *headroom) believed(p *Plan, t *belief.Table, q Query, r *hidden.Record) []Believed {
	weight := h.keys.Census().Weight(r.Rate()) / r.Caches()
	part := weight / float64(max(p.tables[q.Family].n, 1))
	from := startOf(t, r.Floor())
	out := make([]Believed, len(p.Members))
	for i := range p.Members {
		slot, s := p.view.slots[i], p.Members[i].Server
		longest, _ := reach(t, slot, h.belief.Recent(slot), part, weight, from)
		out[i] = Believed{Load: t.Loads[slot], Share: t.Shares[slot], Longest: time.Duration(longest) * time.Second, Age: -1}
		if s.Load.Known() {
			out[i].Age = s.Load.Age(q.Now)
		}
	}
	return out
}

// Survey implements Learner.
func (h *headroom) Survey(now time.Time) (s Survey) {
	h.mu.Lock()
	p := h.plan
	h.mu.Unlock()
	if p == nil {
		return s
	}
	t, c := h.belief.Table(), h.keys.Census()
	s.Keys, s.Servers = h.keys.Len(), make(map[string]Believed, len(p.Members))
	if c.Affordable > 0 {
		s.Queries = c.Questions / c.Affordable
	}
	for i := range p.Members {
		slot, server := p.view.slots[i], p.Members[i].Server
		if int(slot) >= t.Slots() {
			continue
		}
		b := Believed{Load: t.Loads[slot], Share: t.Shares[slot], Age: -1}
		if server.Load.Known() {
			b.Age = server.Load.Age(now)
		}
		s.Servers[server.ID] = b
	}
	return s
}

// limits are the bounds of the TTL that a key has of its own.
type limits struct {
	fits, certain, start float64 // seconds; infinite where there is no bound
	server               string  // that the key fits least
	gaps                 float64
}

func (h *headroom) limits(p *Plan, t *belief.Table, best *ranking, r *hidden.Record, now int64) limits {
	l := limits{fits: math.Inf(1), start: math.Inf(1), gaps: max(1, r.Certainty())}
	for _, b := range best.list[:best.n] {
		if b.longest < l.fits {
			l.fits, l.server = b.longest, p.Members[b.member].Server.ID
		}
	}
	// What little is known of a key must not tie it for long, and more is to be
	// known soon.
	if l.certain = p.Config.MeanTTL.Seconds() * l.gaps; l.gaps < hidden.Known {
		l.certain = p.Config.MeanTTL.Seconds() / 4
	}
	if now < t.Settled {
		l.start = p.startTTL()
	}
	return l
}

// shortest is the TTL that they allow.
func (l limits) shortest(p *Plan, t *belief.Table) time.Duration {
	return p.most(quantised(t.Grid, min(l.fits, l.certain, l.start)))
}

// all lists them with the plan's, for people.
func (l limits) all(p *Plan, t *belief.Table) []Bound {
	b := &bounds{cfg: &p.Config, list: append([]Bound(nil), p.Bounds...)}
	add := func(name string, ttl float64, server, why string) {
		if ttl*float64(time.Second) < float64(p.Config.TTL) {
			b.list = append(b.list, Bound{Name: name, TTL: quantised(t.Grid, ttl), Server: server, Why: why})
		}
	}
	add("headroom", l.fits, l.server, "for so long its load is foretold to stay within its share")
	add("little known", l.certain, "", fmt.Sprintf("%.0f gaps of this key are known; each allows for mean-ttl, less than %d for a quarter", l.gaps, hidden.Known))
	add("start", l.start, "", "the name server has just begun to watch this name")
	list, _ := b.settle()
	return list
}
