package policy

import (
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// verdict is what a moment makes of one server, before the servers are
// compared with each other.
type verdict struct {
	memory      // of this moment
	gone   bool // not in the pool any more
	aside  bool // drained, or weighed 0 by the operator: only served if there is nobody else

	alarm    bool // warns, where that takes a server out
	load     float64
	reported bool          // load is known, and not entirely faded
	age      time.Duration // of the report, if there was any
	faded    float64       // how much of it is forgotten
	target   float64       // where headroom glides to
	rampLeft time.Duration
	override *Override // one that holds, or nil
}

// judge makes a server's factors and verdict. Headroom is that of the server
// alone; relieve may change it when all are overloaded.
func judge(cfg *Config, in *Input, s *pool.Server, prev *State) (Factors, verdict) {
	last, seen := prev.recall(s.ID)
	v := verdict{memory: memory{at: in.Now, boot: last.boot}}
	use := kinds[cfg.Policy].load
	f := Factors{Capacity: capacityFactor(s.Capacity), Health: healthFactor(s), Override: 1}
	if use != gradual && s.Health == pool.Warning {
		f.Health = 1 // it is the alarm
	}
	if o, ok := in.Overrides[s.ID]; ok && o.holds(in.Now) {
		v.override = &o
		f.Override = overrideFactor(o, in.Now)
	}
	v.aside = s.Health == pool.Drained || f.Override == 0
	v.live = s.Health.Alive() && !v.aside

	v.weigh(s, in.Now, last, seen)
	if use != gradual {
		v.flag(s, use)
	}
	f.Headroom = v.headroom

	v.start(s, in.Now, last, seen, prev.inhabited())
	f.Ramp = 1
	if !v.ramp.IsZero() {
		passed := max(0, in.Now.Sub(v.ramp))
		f.Ramp, v.rampLeft = rampFactor(passed, cfg.Ramp), max(0, cfg.Ramp-passed)
		if v.rampLeft == 0 {
			v.ramp = time.Time{} // lest a longer Config.Ramp revive it
		}
	}
	return f, v
}

// weigh sets what depends on the load. A server that was not live keeps
// nothing of its headroom: it takes the target at once, and the ramp sees to
// its return.
func (v *verdict) weigh(s *pool.Server, now time.Time, last memory, seen bool) {
	v.target, v.overloaded = 1, false
	if load, known := loadOf(s); known {
		v.load, v.age = load, s.Load.Age(now)
		v.faded = fade(v.age)
		v.reported = v.faded < 1
	}
	if v.reported {
		v.overloaded = last.overloaded
		if v.faded == 0 {
			v.overloaded = excluded(last.overloaded, v.load)
		}
		if v.target = roomFor(v.load); v.overloaded {
			v.target = 0
		}
		v.target = towards(v.target, 1, v.faded)
	}
	v.headroom = v.target
	if seen && last.live && v.live {
		v.headroom = glide(last.headroom, v.target, now.Sub(last.at))
	}
}

// flag makes at most one bit of the load: without it the server takes its whole
// share. A policy that uses the load itself needs the bit only where there is
// no load.
func (v *verdict) flag(s *pool.Server, use use) {
	v.alarm = s.Health == pool.Warning
	if use == ownUse && v.reported {
		v.overloaded, v.alarm = false, false
	}
	v.target = 1
	if v.overloaded || v.alarm {
		v.target = 0
	}
	v.headroom = v.target
}

// start begins a slow start when the server came to life after being down or
// set aside, is new among others, or was started anew itself. One whose boot id
// shows that it ran all the time may be away for a moment: when Consul is
// restarted, its TTL checks lapse until the agents are heard again. So may one
// that an operator set aside by mistake.
func (v *verdict) start(s *pool.Server, now time.Time, last memory, seen, inhabited bool) {
	v.ramp = last.ramp
	if !v.live {
		if v.down = last.down; v.down.IsZero() {
			v.down = now
		}
		v.well = s.Health != pool.Critical && (last.live || last.well)
		return
	}
	known := last.boot != "" && s.Load.Boot != ""
	booted := known && last.boot != s.Load.Boot
	blinked := (known || last.well) && !booted && now.Sub(last.down) < blink
	if booted || seen && !last.live && !blinked || !seen && inhabited {
		v.ramp = now
	}
	if s.Load.Boot != "" {
		v.boot = s.Load.Boot
	}
}
