package verdict

import (
	"math"
	"time"

	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/internal/pool"
)

// The loads at which headroom changes its ways.
const (
	easyLoad = 0.50 // up to here a server takes its whole capacity
	outLoad  = 0.90 // above, it takes nothing new
	backLoad = 0.75 // below, it comes back: the gap keeps it from flapping
)

const (
	headroomFloor  = 0.1             // of a server that is not overloaded
	glidePerSecond = 0.2             // the most that headroom changes
	rampFloor      = 0.1             // of a server that has just returned
	blink          = 3 * time.Second // of absence with the same boot id, that needs no slow start
	warningFactor  = 0.1             // where the server does not say
	maxCapacity    = 1e9
	minCapacity    = 1e-9 // below, it counts as 0
	maxOverride    = 10
)

// A load report is taken at its word while it is fresh, and then fades
// (Mitzenmacher, "How Useful Is Old Information?", 2000).
const (
	reportFresh = 30 * time.Second
	reportFade  = 60 * time.Second
)

// clamp bounds v; what is not a number becomes low.
func clamp(v, low, high float64) float64 {
	if math.IsNaN(v) {
		return low
	}
	return min(max(v, low), high)
}

func capacityOf(v float64) float64 {
	if v = clamp(v, 0, maxCapacity); v < minCapacity {
		return 0
	}
	return v
}

func overrideFactor(o *Override) float64 {
	switch {
	case o == nil:
		return 1
	case o.Drain:
		return 0
	}
	return clamp(o.Factor, 0, maxOverride)
}

// fixed is a weight above 0 as the datapath has it.
func fixed(weight float64) uint32 {
	if weight <= 0 {
		return 0
	}
	return uint32(clamp(math.Round(weight*schedule.One), 1, schedule.MaxWeight))
}

// weigh finds the server's factors, headroom being that of the server alone;
// relieve may change it when all are overloaded.
func (s *subject) weigh(m *moment) {
	s.readLoad(m.in.Now)
	s.start(m)
	s.factors = Factors{Capacity: s.capacity, Health: s.healthFactor(), Headroom: 1, Ramp: 1, Override: overrideFactor(s.override)}
	if !m.cfg.Scheduler.Weighted() {
		s.factors.Capacity = 1
		if s.capacity == 0 {
			s.factors.Capacity = 0
		}
	}
	if m.cfg.Scheduler == schedule.KindLoad {
		s.weighLoad(m.in.Now)
		s.factors.Headroom = s.memory.headroom
	} else {
		s.memory.overloaded, s.memory.headroom, s.target = false, 1, 1
	}
	if r := &s.memory.ramp; !r.IsZero() {
		passed := max(0, m.in.Now.Sub(*r))
		if passed >= m.cfg.SlowStart {
			*r = time.Time{} // lest a longer SlowStart revive it
			return
		}
		s.rampLeft = m.cfg.SlowStart - passed
		s.factors.Ramp = rampFloor + (1-rampFloor)*float64(passed)/float64(m.cfg.SlowStart)
	}
}

func (s *subject) healthFactor() float64 {
	switch {
	case s.Health != pool.Warning:
		return 1 // a critical or drained one takes nothing by its state
	case s.WarningFactor > 0 && s.WarningFactor <= 1:
		return s.WarningFactor
	}
	return warningFactor
}

// readLoad finds the reported load, and how much of it has faded.
func (s *subject) readLoad(now time.Time) {
	if !s.Load.Known() || math.IsNaN(s.Load.Value) {
		return
	}
	s.load = clamp(s.Load.Value, 0, pool.MaxLoad)
	s.faded = clamp(float64(s.Load.Age(now)-reportFresh)/float64(reportFade), 0, 1)
	s.known = s.faded < 1
}

// weighLoad finds the headroom. A server that was not live has its target at
// once, and the ramp sees to its return.
func (s *subject) weighLoad(now time.Time) {
	r := &s.memory
	s.target, r.overloaded = 1, false
	if s.known {
		if r.overloaded = s.last.overloaded; s.faded == 0 {
			r.overloaded = s.load > outLoad || s.last.overloaded && s.load >= backLoad
		}
		if s.target = headroom(s.load); r.overloaded {
			s.target = 0
		}
		s.target += (1 - s.target) * s.faded
	}
	r.headroom = s.target
	if s.last.live && s.live() {
		most := glidePerSecond * max(0, now.Sub(s.last.at).Seconds())
		r.headroom = s.last.headroom + clamp(s.target-s.last.headroom, -most, most)
	}
	if !r.overloaded {
		r.headroom = max(r.headroom, headroomFloor)
	}
}

// headroom is what the load leaves of the capacity: 1 up to easyLoad, from
// there falling in a line to headroomFloor at outLoad, and above in inverse
// proportion to the load, which only counts when all servers are overloaded.
func headroom(load float64) float64 {
	switch {
	case load <= easyLoad:
		return 1
	case load <= outLoad:
		return 1 - (load-easyLoad)/(outLoad-easyLoad)*(1-headroomFloor)
	}
	return headroomFloor * outLoad / load
}

// relieve ignores the overload if it hits everybody who could serve.
func (m *moment) relieve() {
	if m.serving == nil {
		return
	}
	for _, s := range m.serving.subjects {
		if s.live() && !s.memory.overloaded {
			return
		}
	}
	for _, s := range m.serving.subjects {
		if s.live() {
			own := headroom(s.load)
			s.target = own + (1-own)*s.faded
			s.memory.headroom, s.factors.Headroom = s.target, s.target
		}
	}
}

// start begins a slow start when the server came to life, is new among others,
// or was started anew itself. One whose boot id shows that it ran all the time
// may be away for a moment, as may one that was only set aside. In a panic
// nobody is any warmer than the others.
func (s *subject) start(m *moment) {
	r, now := &s.memory, m.in.Now
	r.live = s.live()
	if !r.live {
		if s.last.live || r.down.IsZero() {
			r.down = now
		}
		r.well = s.Health != pool.Critical && !s.ejected && (s.last.live || s.last.well)
		return
	}
	joined := !s.seen && m.prev.inhabited(s.fallback)
	returned := s.seen && !s.last.live && !s.blinked(now)
	switch {
	case s.presumed:
		r.ramp = time.Time{}
	case s.booted || joined || returned:
		r.ramp = now
	}
	r.down, r.well = time.Time{}, false
}

func (s *subject) blinked(now time.Time) bool {
	same := s.last.boot != "" && s.last.boot == s.Load.Boot
	return (same || s.last.well && !s.booted) && now.Sub(s.last.down) < blink
}
