package oracle

import (
	"net/netip"
	"slices"
)

// facts is what is true of a server in some or in all states of a stretch of
// time.
type facts struct {
	server Server       // of the latest state that has it
	addrs  []netip.Addr // of any state

	mayBeThere, there bool
	mayLive, live     bool
	mayBeAside, aside bool // drained or in maintenance
	mayWarn, warns    bool
	relaxed, over     bool    // by the load, for longer than the stretch
	least, most       float64 // weight
}

// usage is what a policy makes of loads and warnings.
type usage struct {
	overOut bool              // an overloaded server is out
	warnOut func(Server) bool // a server that warns is out
	fades   bool              // and so is one whose reported load is of long ago
}

func always(Server) bool       { return true }
func never(Server) bool        { return false }
func unreported(s Server) bool { return s.Load == 0 }

var usages = map[string]usage{
	"weighted": {overOut: true, warnOut: never},
	"hash":     {overOut: true, warnOut: never},
	"headroom": {warnOut: unreported, fades: true},
	"rr":       {overOut: true, warnOut: always},
}

// gather collects what is known of each server. Loads count over more states,
// since the name server takes its time with them; steady says that they were
// heard all the time.
func gather(states, loads []span[Pool], drains []span[Drains], use usage, steady bool) map[string]*facts {
	all := map[string]*facts{}
	for i := range states {
		for id, s := range states[i].value {
			f := all[id]
			if f == nil {
				f = &facts{there: true, live: true, aside: true, warns: true, relaxed: true, over: steady, least: float64(s.Weight)}
				all[id] = f
			}
			f.see(s, use, steady)
		}
	}
	for id, f := range all {
		for i := range states {
			if _, there := states[i].value[id]; !there {
				f.there, f.live, f.warns = false, false, false
			}
		}
		f.weigh(id, loads)
		f.setAside(id, drains)
	}
	return all
}

func (f *facts) see(s Server, use usage, steady bool) {
	f.server = s
	for _, a := range s.Addrs {
		if !slices.Contains(f.addrs, a) {
			f.addrs = append(f.addrs, a)
		}
	}
	warns := s.Health == Warning && use.warnOut(s)
	mayWarn := warns || s.Health == Warning && use.fades && !steady
	f.mayBeThere = true
	f.mayLive, f.live = f.mayLive || s.alive(), f.live && s.alive()
	f.mayBeAside, f.aside = f.mayBeAside || s.Health == Maintenance, f.aside && s.Health == Maintenance
	f.mayWarn, f.warns = f.mayWarn || mayWarn, f.warns && warns
	f.least, f.most = min(f.least, float64(s.Weight)), max(f.most, float64(s.Weight))
}

func (f *facts) weigh(id string, loads []span[Pool]) {
	for i := range loads {
		s, there := loads[i].value[id]
		f.over = f.over && there && s.overloaded()
		f.relaxed = f.relaxed && (!there || s.relaxed())
	}
}

func (f *facts) setAside(id string, drains []span[Drains]) {
	some, all := false, true
	for i := range drains {
		some, all = some || drains[i].value[id], all && drains[i].value[id]
	}
	f.mayBeAside, f.aside = f.mayBeAside || some, f.aside || all
	f.live, f.mayLive = f.live && !some, f.mayLive && !all
}

// strong is a server that the name server must take for one that is in, if its
// tier answers.
func (f *facts) strong(use usage) bool {
	return f.live && !f.mayWarn && (f.relaxed || !use.overOut)
}

// out tells that the name server must leave the server out if a strong one is
// there.
func (f *facts) out(use usage) bool { return f.warns || f.over && use.overOut }
