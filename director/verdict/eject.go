package verdict

import (
	"cmp"
	"slices"
	"time"
)

// quiet is the time without ejection that takes one back.
const quiet = time.Minute

// eject finds who of a group is ejected.
func (m *moment) eject(g *group) {
	alive := 0
	for _, s := range g.subjects {
		s.recount(m.in.Now)
		if s.alive {
			alive++
		}
	}
	limit := ejectable(alive, m.cfg.MaxEjected)
	if m.cfg.Consecutive <= 0 {
		limit = 0
	}
	out := m.holdSentences(g, limit)
	for _, s := range m.accused(g) {
		if s.spared = out >= limit; !s.spared {
			s.sentence(m.cfg, m.in.Now)
			out++
		}
	}
}

// ejectable is how many of so many live servers may be ejected: that percentage,
// but one if there is another, and never the last.
func ejectable(alive, percent int) int {
	return max(0, min(alive-1, max(1, alive*percent/100)))
}

// recount takes times back that were long enough ago, and finds how many
// failures count. Those from before the server became live do not: it gets a
// fresh start, and a datapath that has sent it nothing since has nothing else.
func (s *subject) recount(now time.Time) {
	r := &s.memory
	s.ejected = s.alive && now.Before(r.until)
	for r.times > 0 && now.Sub(r.calm) >= quiet {
		r.times--
		r.calm = r.calm.Add(quiet)
	}
	switch {
	case !s.alive || s.ejected || !s.last.live:
		r.forgiven = s.tally.Streak
	case s.tally.SYNACKs > 0 || s.tally.Streak < r.forgiven:
		r.forgiven = 0 // the streak began anew
	}
	s.fails = s.tally.Streak - r.forgiven
}

// holdSentences counts the live ones that are ejected still. If that is more
// than the limit, those that are out for longest return.
func (m *moment) holdSentences(g *group, limit int) int {
	var out []*subject
	for _, s := range g.subjects {
		if s.ejected {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *subject) int { return a.memory.ejected.Compare(b.memory.ejected) })
	for len(out) > limit {
		out[0].ejected, out[0].memory.until, out[0].memory.calm = false, m.in.Now, m.in.Now
		out = out[1:]
	}
	return len(out)
}

// accused are those that have failed too often, the worst first.
func (m *moment) accused(g *group) []*subject {
	var list []*subject
	for _, s := range g.subjects {
		if m.cfg.Consecutive > 0 && s.alive && !s.ejected && uint64(s.fails) >= uint64(m.cfg.Consecutive) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b *subject) int { return cmp.Compare(b.fails, a.fails) })
	return list
}

// sentence ejects the server.
func (s *subject) sentence(cfg *Config, now time.Time) {
	r := &s.memory
	r.times++
	r.ejected, r.until = now, now.Add(ejectionTime(cfg, r.times))
	r.calm, r.forgiven = r.until, s.tally.Streak
	s.ejected = true
}

// ejectionTime is how long the n-th ejection lasts, n being 1 or more.
func ejectionTime(cfg *Config, n int) time.Duration {
	d := max(cfg.BaseEjection, 0)
	most := max(cfg.MaxEjection, d)
	for ; n > 1 && 0 < d && d < most; n-- {
		d += min(d, most-d) // twice, without overflow
	}
	return d
}
