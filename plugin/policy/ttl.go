package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

const (
	nearThreshold = 0.10             // of load, before which an exclusion or a return casts its shadow
	sourceFresh   = 60 * time.Second // since the source last vouched for the pool
)

// bounds collects reasons for a TTL: of each name the shortest.
type bounds struct {
	cfg  *Config
	list []Bound
}

func (b *bounds) add(name string, ttl time.Duration, server *pool.Server, format string, args ...any) {
	i := slices.IndexFunc(b.list, func(o Bound) bool { return o.Name == name })
	if i >= 0 && b.list[i].TTL <= ttl {
		return
	}
	bound := Bound{Name: name, TTL: max(ttl, 0), Why: fmt.Sprintf(format, args...)}
	if server != nil {
		bound.Server = server.ID
	}
	if i >= 0 {
		b.list[i] = bound
		return
	}
	b.list = append(b.list, bound)
}

// lowered is a TTL between MinTTL (0, or not a number) and TTL (1).
func (c *Config) lowered(fraction float64) time.Duration {
	return c.MinTTL + time.Duration(clamp(fraction, 0, 1)*float64(c.TTL-c.MinTTL))
}

// settle sorts the bounds and makes the TTL of them: the shortest, within
// [MinTTL, TTL] and in whole seconds.
func (b *bounds) settle() ([]Bound, time.Duration) {
	b.add("record ttl", b.cfg.TTL, nil, "the longest that the record allows")
	byTTL := func(x, y Bound) int { return cmp.Compare(x.TTL, y.TTL) }
	first := slices.MinFunc(b.list, byTTL)
	if first.TTL < b.cfg.MinTTL {
		b.add("min-ttl", b.cfg.MinTTL, nil, "the shortest that the record allows: %s asks for %s", first.Name, short(first.TTL))
	}
	slices.SortStableFunc(b.list, byTTL)
	ttl := min(max(first.TTL.Truncate(time.Second), b.cfg.MinTTL), b.cfg.TTL)
	return b.list, ttl
}

// limit finds the TTL: not longer than until the answer may change, and the
// shorter the less certain it is.
func (m *moment) limit() ([]Bound, time.Duration) {
	b := &bounds{cfg: &m.cfg}
	if m.plan.Mode != Live {
		b.add(m.plan.Mode.String(), m.cfg.MinTTL, nil, "%s", m.plan.Reason)
	}
	m.limitBySource(b)
	for i := range m.plan.Members {
		if m.matters(i) {
			m.limitByFlip(b, i)
			m.limitByLoad(b, i)
			m.limitByChange(b, i)
		}
	}
	return b.settle()
}

// matters tells whether a change of this server could change the answer: not
// that of a tier that waits, nor of one that was taken out on purpose.
func (m *moment) matters(i int) bool {
	mb := &m.plan.Members[i]
	if mb.In {
		return true
	}
	waits := (m.plan.Mode == Live || m.plan.Mode == Quorum) && mb.Server.Tier > m.tier
	return !waits && !m.verdicts[i].gone && (!m.verdicts[i].aside || m.verdicts[i].override != nil) &&
		mb.Factors.Capacity > 0
}

func (m *moment) limitBySource(b *bounds) {
	if m.plan.Mode == Waiting {
		return
	}
	if m.in.Status.Err != "" {
		b.add("stale", m.cfg.MinTTL, nil, "trouble with the source: %s", m.in.Status.Err)
	} else if age := m.in.Status.Age(m.in.Now); age > sourceFresh {
		b.add("stale", m.cfg.MinTTL, nil, "the source last vouched for the pool %s ago", short(age))
	}
}

// limitByFlip is gdnsd's rule, the shortest time until a server changes its
// state, for servers whose checks have begun to contradict it. Counted at rest
// too, as gdnsd does, probes a second apart would hold every TTL at MinTTL.
func (m *moment) limitByFlip(b *bounds, i int) {
	mb, v := &m.plan.Members[i], &m.verdicts[i]
	if s := mb.Server; s.Wavering && s.Flip > 0 && !v.aside {
		b.add("flip", s.Flip, s, "its checks waver: may stop being %s in %s", s.Health, short(s.Flip))
	}
	if o := v.override; o != nil && !o.Until.IsZero() {
		left := o.Until.Sub(m.in.Now)
		b.add("override", left, mb.Server, "the operator's override ends in %s", short(left))
	}
}

// limitByLoad lowers the TTL towards MinTTL as a load comes near the place
// where the server goes out or comes back.
func (m *moment) limitByLoad(b *bounds, i int) {
	s, v := m.plan.Members[i].Server, &m.verdicts[i]
	if !v.live {
		return
	}
	if kinds[m.cfg.Policy].load != gradual {
		return // it is out, and the policy has TTLs of its own
	}
	if s.Health == pool.Warning {
		b.add("warning", m.cfg.MinTTL, s, "warns of overload")
	}
	if v.faded > 0 {
		b.add("stale load", m.cfg.lowered(1-v.faded/2), s, "load report is %s old", short(v.age))
	}
	if !v.reported {
		return
	}
	if v.overloaded {
		b.add("overloaded", m.cfg.MinTTL, s, "load %.2f: out above %.2f, back below %.2f", v.load, outLoad, backLoad)
		if d := v.load - backLoad; d < nearThreshold {
			b.add("near threshold", m.cfg.lowered(d/nearThreshold), s, "load %.2f: back below %.2f", v.load, backLoad)
		}
		return
	}
	if d := outLoad - v.load; d < nearThreshold {
		b.add("near threshold", m.cfg.lowered(d/nearThreshold), s, "load %.2f: out above %.2f", v.load, outLoad)
	}
}

// limitByChange bounds the TTL while the server's weight is changing by itself.
func (m *moment) limitByChange(b *bounds, i int) {
	s, v := m.plan.Members[i].Server, &m.verdicts[i]
	if !v.live {
		return
	}
	if v.rampLeft > 0 {
		b.add("ramping", v.rampLeft, s, "warming up for another %s", short(v.rampLeft))
	}
	if gap := v.gap(); gap > 0 {
		b.add("gliding", m.cfg.lowered(1-gap), s, "headroom %.2f on its way to %.2f", v.headroom, v.target)
	}
}

// gap is how far headroom is from where it glides to; 0 if that is of no
// account.
func (v *verdict) gap() float64 {
	if gap := math.Abs(v.target - v.headroom); gap >= 0.005 {
		return gap
	}
	return 0
}
