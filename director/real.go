package director

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/route"
	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/control"
)

// real is one real server of a VIP, as the datapath has it.
type real struct {
	id      uint32
	server  verdict.Server // as judged last
	written dataplane.Real // as the datapath has it
	way     route.Way
	since   time.Time // when its state last changed
	retired time.Time // when all its connections were last over, or it was taken over from a run before
	haunted bool      // it may have connections from before

	tally  bpf.Tally // when last judged
	before bpf.Volume
	rates  control.Rates
	looked time.Time // when rates were taken
}

// states as the datapath knows them. Standby is up without a weight: what it
// has goes on, opening connections included.
var states = map[verdict.State]bpf.DirectorRealState{
	verdict.Up:       bpf.DirectorRealStateREAL_UP,
	verdict.Standby:  bpf.DirectorRealStateREAL_UP,
	verdict.Draining: bpf.DirectorRealStateREAL_DRAINING,
	verdict.Removed:  bpf.DirectorRealStateREAL_DRAINING,
	verdict.Ejected:  bpf.DirectorRealStateREAL_EJECTED,
	verdict.Down:     bpf.DirectorRealStateREAL_DOWN,
}

// is tells whether the datapath's record is that of the server: one that moved
// to another address or port is another.
func (r *real) is(s verdict.Server) bool {
	return r.written.Addr == s.Addr && r.written.Port == s.Port
}

// apply tells the datapath what the verdict says of the server. It is retired
// first if its generation has risen since the last verdict: what is opened from
// when it is up again is of the new one. d.mu is held.
func (d *Director) apply(v *vip, s verdict.Server, now time.Time) error {
	r := v.reals[s.ID]
	here := r != nil && r.is(s)
	if !s.Addr.IsValid() || s.State == verdict.Removed && !here {
		return nil // what it has is swept
	}
	if !here {
		r = &real{since: now, retired: now, haunted: true}
	} else if r.server.State != s.State {
		d.tell(v, r, s)
		r.since = now
	}
	if rebooted := d.rebooted(v, s); rebooted || s.Generation != r.server.Generation {
		if err := d.retire(v, r, s, now); err != nil {
			return err
		}
	}
	r.server = s
	if err := d.write(v, r, s); err != nil {
		return err
	}
	if !here { // and not before the datapath has it: it had no id
		v.reals[s.ID], r.tally = r, d.plane.Tally(r.id)
	}
	return nil
}

// retire ends all connections of a server, those included that it has from a
// run of the director before.
func (d *Director) retire(v *vip, r *real, s verdict.Server, now time.Time) error {
	id, there := r.id, r.written.Addr.IsValid()
	if !there {
		id, _, there = d.recorded(v, s)
	}
	if !there {
		return nil
	}
	d.log.Info("all connections of a server are over", "vip", v.conf.Name, "server", s.ID, "why", s.Reason)
	if _, err := d.plane.Retire(id); err != nil {
		return err
	}
	r.retired, r.haunted = now, true
	return nil
}

// recorded is what the datapath has of a server.
func (d *Director) recorded(v *vip, s verdict.Server) (uint32, dataplane.Real, bool) {
	for id, r := range d.plane.Reals(v.id) {
		if r.Addr == s.Addr && r.Port == s.Port {
			return id, r, true
		}
	}
	return 0, dataplane.Real{}, false
}

// write brings the datapath's record in line, if it is not.
func (d *Director) write(v *vip, r *real, s verdict.Server) (err error) {
	r.way = d.way(s.Addr)
	want := dataplane.Real{
		Service: v.id, Addr: s.Addr, Port: s.Port, Weight: s.Weight, State: states[s.State],
		Nexthop: r.way.Nexthop, Ifindex: uint32(max(0, r.way.Ifindex)), MTU: uint32(max(0, r.way.MTU)),
		Source: d.source(v, r.way), DownAt: r.written.DownAt,
	}
	if r.way.Err != nil && want.State != bpf.DirectorRealStateREAL_DRAINING {
		want.State, want.Weight = bpf.DirectorRealStateREAL_DOWN, 0
	}
	if want.State == bpf.DirectorRealStateREAL_DOWN && r.written.State != want.State {
		want.DownAt = d.downAt(v, r, s)
	}
	switch {
	case want == r.written:
		return nil
	case r.written.Addr.IsValid():
		err = d.plane.SetReal(r.id, want)
	default:
		r.id, err = d.plane.PutReal(want)
	}
	if err == nil {
		r.written = want
	}
	return err
}

// downAt is since when the server is dead: of a director that ran before, or now.
func (d *Director) downAt(v *vip, r *real, s verdict.Server) uint32 {
	if !r.written.Addr.IsValid() {
		if _, was, ok := d.recorded(v, s); ok && was.State == bpf.DirectorRealStateREAL_DOWN {
			return was.DownAt
		}
	}
	return dataplane.Tick()
}

// source is the address that servers see in mode fullnat.
func (d *Director) source(v *vip, w route.Way) netip.Addr {
	for _, a := range v.conf.Sources {
		if a.Is4() == w.Server.Is4() {
			return a
		}
	}
	return w.Source
}

// tell logs a change of a server's state.
func (d *Director) tell(v *vip, r *real, s verdict.Server) {
	log := d.log.Info
	if s.State == verdict.Down || s.State == verdict.Ejected {
		log = d.log.Warn
	}
	log("server is "+s.State.String(), "vip", v.conf.Name, "server", s.ID, "was", r.server.State.String(), "why", s.Reason)
}
