package policy

import "time"

const (
	glideStep = time.Second     // between plans while a headroom glides
	fadeStep  = 5 * time.Second // while a report fades, or a source is in trouble
	shortStep = 100 * time.Millisecond
)

// clock finds the earliest of the times at which something changes by itself.
type clock struct {
	now, due time.Time
}

// in asks for the time after d, though not at once.
func (c *clock) in(d time.Duration) {
	if at := c.now.Add(max(d, shortStep)); c.due.IsZero() || at.Before(c.due) {
		c.due = at
	}
}

// due is when the plan will be out of date though the pool stays as it is.
func (m *moment) due() time.Time {
	c := &clock{now: m.in.Now}
	m.sourceDue(c)
	if !m.forgets.IsZero() {
		c.in(m.forgets.Sub(m.in.Now))
	}
	for i := range m.verdicts {
		v := &m.verdicts[i]
		if o := v.override; o != nil && !o.Until.IsZero() {
			c.in(o.Until.Sub(m.in.Now))
		}
		if v.live {
			v.due(c, m.cfg.Ramp)
		}
	}
	return c.due
}

// sourceDue looks again at how far the pool can be trusted.
func (m *moment) sourceDue(c *clock) {
	st := m.in.Status
	switch {
	case m.in.Pool == nil || st.Confirmed.IsZero() && st.Err == "":
	case st.Err != "" || st.Age(m.in.Now) > sourceFresh:
		c.in(fadeStep)
	default:
		c.in(st.Confirmed.Add(sourceFresh + 1).Sub(m.in.Now))
	}
}

func (v *verdict) due(c *clock, ramp time.Duration) {
	if v.target != v.headroom {
		gap := max(v.target-v.headroom, v.headroom-v.target)
		c.in(min(glideStep, time.Duration(gap/glidePerSecond*float64(time.Second))+1))
	}
	if v.rampLeft > 0 {
		// Thirty steps are fine enough, but a weight may stand still for the
		// first tenth of the window.
		c.in(min(v.rampLeft, max(time.Second, ramp/30)))
	}
	switch {
	case !v.reported:
	case v.faded > 0:
		c.in(fadeStep)
	default:
		c.in(reportFresh + 1 - v.age)
	}
}
