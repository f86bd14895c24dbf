package policy

import (
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func (mb *Member) say(format string, args ...any) {
	mb.Why = append(mb.Why, fmt.Sprintf(format, args...))
}

// explainFactors says of each member what makes it lighter or takes it out.
func (m *moment) explainFactors() {
	for i := range m.plan.Members {
		mb, v := &m.plan.Members[i], &m.verdicts[i]
		if v.gone {
			mb.say("no longer in the pool")
		}
		mb.explainOverride(v)
		mb.explainHealth(m.in.Now)
		if capacityFactor(mb.Server.Capacity) == 0 {
			if mb.Factors.Capacity == 0 {
				mb.say("capacity 0")
			} else {
				mb.say("capacity 0 as all of tier %d: counts as 1", mb.Server.Tier)
			}
		}
		if v.live {
			mb.explainLoad(v)
			if mb.Factors.Ramp < 1 {
				passed := m.cfg.Ramp - v.rampLeft
				mb.say("warming up: %s of %s", short(passed), short(m.cfg.Ramp))
			}
		}
	}
}

// explainVanishing says why a member is out that nothing took out: each of its
// factors is small, and together they are nothing.
func (m *moment) explainVanishing() {
	for i := range m.plan.Members {
		if mb := &m.plan.Members[i]; !mb.In && len(mb.Why) == 0 && m.verdicts[i].live {
			mb.say("weight %.2g is too small to count", mb.Factors.Weight())
		}
	}
}

func (mb *Member) explainOverride(v *verdict) {
	o := v.override
	switch {
	case o == nil:
		return
	case o.Drain:
		mb.say("drained by operator%s", o.origin())
	case mb.Factors.Override != 1:
		mb.say("weight x%.2f by operator%s", mb.Factors.Override, o.origin())
	}
}

// origin is who gave the override and until when, as the end of a phrase.
func (o *Override) origin() string {
	s := ""
	if o.By != "" {
		s = ": " + o.By
	}
	if !o.Until.IsZero() {
		s += ", until " + o.Until.UTC().Format(time.RFC3339)
	}
	return s
}

func (mb *Member) explainHealth(now time.Time) {
	s := mb.Server
	if s.Health == pool.Passing || s.Health == pool.Unknown {
		return
	}
	text := s.Health.String()
	if !s.Since.IsZero() {
		text += " for " + short(max(0, now.Sub(s.Since))).String()
	}
	if s.Health == pool.Warning {
		text += fmt.Sprintf(", keeps %.2f of its capacity", mb.Factors.Health)
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	mb.say("%s", text)
}

func (mb *Member) explainLoad(v *verdict) {
	if !v.reported {
		if v.faded == 1 {
			mb.say("load report is %s old: not counted", short(v.age))
		}
		return
	}
	switch {
	case v.overloaded && v.target > 0 && v.faded == 0:
		mb.say("load %.2f is above %.2f, but so are all others: headroom %.2f", v.load, outLoad, v.headroom)
	case v.overloaded && v.load > outLoad:
		mb.say("load %.2f is above %.2f", v.load, outLoad)
	case v.overloaded:
		mb.say("load %.2f after overload: back below %.2f", v.load, backLoad)
	case v.target < 1:
		mb.say("load %.2f leaves headroom %.2f", v.load, v.target)
	}
	if v.faded > 0 {
		mb.say("load report is %s old: %.0f%% of it forgotten", short(v.age), v.faded*100)
	}
	if v.gap() > 0 {
		mb.say("headroom %.2f on its way to %.2f", v.headroom, v.target)
	}
}

// short is a duration for people: parts of seconds count below ten seconds only.
type short time.Duration

func (s short) String() string {
	d := time.Duration(s)
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
