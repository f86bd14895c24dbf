package verdict

import (
	"time"

	"github.com/ballast-lb/ballast/director/schedule"
)

// The steps of what changes all the time.
const (
	rampSteps   = 30 // of a slow start, within the bounds below
	minRampStep = 200 * time.Millisecond
	maxRampStep = time.Second
	glideStep   = 500 * time.Millisecond
	fadeStep    = 2 * time.Second
)

// due is when something changes of itself next; zero if nothing does.
func (m *moment) due() time.Time {
	var next time.Time
	at := func(t time.Time) {
		if t.After(m.in.Now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, s := range m.subjects {
		at(s.memory.until)
		if !s.memory.retired {
			at(s.deadline)
		}
		if s.rampLeft > 0 && s.live() {
			step := min(max(m.cfg.SlowStart/rampSteps, minRampStep), maxRampStep)
			at(m.in.Now.Add(min(step, s.rampLeft)))
		}
		if s.known && s.live() {
			at(s.Load.At.Add(reportFresh + reportFade))
		}
		if m.cfg.Scheduler == schedule.KindLoad && s.live() {
			s.dueLoad(m.in.Now, at)
		}
	}
	return next
}

// dueLoad is when the headroom changes.
func (s *subject) dueLoad(now time.Time, at func(time.Time)) {
	if s.memory.headroom != s.target {
		at(now.Add(glideStep))
	}
	switch {
	case !s.known:
	case s.faded > 0:
		at(now.Add(fadeStep))
	default:
		at(s.Load.At.Add(reportFresh))
	}
}
