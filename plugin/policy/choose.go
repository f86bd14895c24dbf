package policy

import (
	"fmt"
	"maps"
	"slices"
)

// tally is what the servers of a tier amount to.
type tally struct {
	all, live float64 // capacity of those that are not set aside, and of the live ones of them
	usable    bool    // somebody is live with a weight above 0
}

// meets tells whether enough of the tier is live. A threshold of 0 asks for
// anybody.
func (t tally) meets(upThresh float64) bool {
	return t.usable && t.live >= upThresh*t.all*(1-1e-9)
}

func (m *moment) tallies() map[uint16]tally {
	tiers := map[uint16]tally{}
	for i := range m.plan.Members {
		mb, v := &m.plan.Members[i], &m.verdicts[i]
		if v.aside {
			continue
		}
		t := tiers[mb.Server.Tier]
		t.all += mb.Factors.Capacity
		if v.live {
			t.live += mb.Factors.Capacity
			t.usable = t.usable || mb.Factors.Weight() >= minWeight
		}
		tiers[mb.Server.Tier] = t
	}
	return tiers
}

// choose finds who is in: the live servers of the lowest tier that meets its
// quorum, else all servers of the lowest tier with a live one, else whom
// Config.Empty names.
func (m *moment) choose() {
	tiers := m.tallies()
	order := slices.Sorted(maps.Keys(tiers))
	for _, tier := range order {
		if tiers[tier].meets(m.cfg.UpThresh) {
			m.serveLive(tier, order[0], tiers)
			return
		}
	}
	for _, tier := range order {
		if t := tiers[tier]; t.usable {
			m.serveQuorum(tier, t)
			return
		}
	}
	m.serveNobody()
}

func (m *moment) serveLive(tier, best uint16, tiers map[uint16]tally) {
	m.plan.Mode, m.tier = Live, tier
	m.plan.Reason = fmt.Sprintf("tier %d is live", tier)
	if tier != best {
		m.plan.Reason = fmt.Sprintf("tier %d answers: %s", tier, describeFailed(best, tiers[best], m.cfg.UpThresh))
	}
	for i := range m.plan.Members {
		mb, v := &m.plan.Members[i], &m.verdicts[i]
		w := mb.Factors.Weight()
		switch {
		case !v.live || w < minWeight: // said by explainFactors
		case mb.Server.Tier == tier:
			mb.In, mb.Weight = true, w
		case mb.Server.Tier > tier:
			mb.say("tier %d waits: tier %d answers", mb.Server.Tier, tier)
		default:
			mb.say("tier %d is below its quorum: tier %d answers", mb.Server.Tier, tier)
		}
	}
}

func describeFailed(tier uint16, t tally, upThresh float64) string {
	if !t.usable {
		return fmt.Sprintf("tier %d has nobody who can take clients", tier)
	}
	return fmt.Sprintf("tier %d has %.3g of its capacity %.3g live, below up-thresh %.2f", tier, t.live, t.all, upThresh)
}

func (m *moment) serveQuorum(tier uint16, t tally) {
	m.plan.Mode, m.tier = Quorum, tier
	m.plan.Reason = describeFailed(tier, t, m.cfg.UpThresh) + ": all of it are served"
	m.serve(func(i int) bool {
		return !m.verdicts[i].aside && m.plan.Members[i].Server.Tier == tier
	})
	for i := range m.plan.Members {
		if mb := &m.plan.Members[i]; mb.In && !m.verdicts[i].live {
			mb.say("served all the same: too few of tier %d are live", tier)
		} else if !mb.In && mb.Server.Tier != tier && !m.verdicts[i].aside {
			mb.say("tier %d waits: tier %d answers", mb.Server.Tier, tier)
		}
	}
}

// serveNobody answers for a pool without live servers.
func (m *moment) serveNobody() {
	why := "nobody is live"
	switch {
	case len(m.plan.Members) == 0:
		why = "the pool has no servers and never had any"
	case m.verdicts[0].gone:
		why = "the pool has no servers any more"
	}
	switch m.cfg.Empty {
	case EmptyFallback:
		m.plan.Mode, m.plan.Reason = Fallback, why+": the fallback answers"
		return
	case EmptyNone:
		m.plan.Mode, m.plan.Reason = Nobody, why
		return
	case EmptyLast:
		last := m.prev.lastLive()
		if m.serve(func(i int) bool { return last[m.plan.Members[i].Server.ID] && !m.verdicts[i].aside }) {
			m.plan.Mode, m.plan.Reason = LastKnown, why+": those that were live last are served"
			m.sayAll("served all the same: was live last", "was not live last")
			return
		}
	}
	if m.serve(func(i int) bool { return !m.verdicts[i].aside }) || m.serve(func(int) bool { return true }) {
		m.plan.Mode, m.plan.Reason = AllDown, why+": all are served"
		m.sayAll("served all the same: nobody is live", "")
		return
	}
	m.plan.Mode, m.plan.Reason = Nobody, why
}

// serve puts those servers in whatever their health, by capacity and the
// operator's factor; if that makes all weights 0, evenly. It tells whether
// there are any.
func (m *moment) serve(wanted func(i int) bool) bool {
	var in []*Member
	weighs := false
	for i := range m.plan.Members {
		if !wanted(i) {
			continue
		}
		mb := &m.plan.Members[i]
		if mb.Weight = mb.Factors.Capacity * mb.Factors.Override; mb.Weight < minWeight {
			mb.Weight = 0
		}
		weighs = weighs || mb.Weight > 0
		in = append(in, mb)
	}
	for _, mb := range in {
		if !weighs {
			mb.Weight = 1
		}
		mb.In = mb.Weight > 0
	}
	return len(in) > 0
}

func (m *moment) sayAll(in, out string) {
	for i := range m.plan.Members {
		mb := &m.plan.Members[i]
		if mb.In {
			mb.say("%s", in)
		} else if out != "" && !m.verdicts[i].aside {
			mb.say("%s", out)
		}
	}
}
