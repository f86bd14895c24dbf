package director

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/verdict"
)

// lapse is how long a real server must have been in no table and without
// connections before it is removed: a CPU that chose it just before counts its
// connection only now.
const lapse = time.Second

// leaver is a real server that takes nothing any more and waits for its
// connections to end.
type leaver struct {
	dataplane.Real
	idle time.Time // since when it was seen without any; zero if it has some
}

// ready tells whether it may be removed.
func (l *leaver) ready(t bpf.Tally, now time.Time) bool {
	if t.Active != 0 || t.Inactive != 0 {
		l.idle = time.Time{}
		return false
	}
	if l.idle.IsZero() {
		l.idle = now
	}
	return now.Sub(l.idle) >= lapse
}

// leavers are the real servers of a service that are not among those present,
// with what is known of them from before. They are drained, if they are not.
func (d *Director) leavers(service uint32, present []uint32, before map[uint32]*leaver) (map[uint32]*leaver, error) {
	all := make(map[uint32]*leaver)
	for id, r := range d.plane.Reals(service) {
		if slices.Contains(present, id) {
			continue
		}
		if r.State != bpf.DirectorRealStateREAL_DRAINING { // left by an earlier run
			r.State, r.Weight = bpf.DirectorRealStateREAL_DRAINING, 0
			if err := d.plane.SetReal(id, r); err != nil {
				return before, err
			}
		}
		all[id] = &leaver{Real: r}
		if l := before[id]; l != nil {
			all[id].idle = l.idle
		}
	}
	return all, nil
}

// sweep forgets servers that have left the pool and have no connections. The
// datapath's records are gone through only when others are present. The tables
// are of this verdict. d.mu is held.
func (d *Director) sweep(v *vip, now time.Time) (err error) {
	var present []uint32
	for _, s := range v.verdict.Servers {
		if r := v.reals[s.ID]; r != nil && r.is(s) && s.State != verdict.Removed {
			present = append(present, r.id)
		}
	}
	if v.leaving == nil || !slices.Equal(present, v.present) {
		if v.leaving, err = d.leavers(v.id, present, v.leaving); err != nil {
			v.present = nil // look again
			return err
		}
		v.present = present
	}
	for id, l := range v.leaving {
		if l.ready(d.plane.Tally(id), now) {
			d.forget(v, id)
		}
	}
	return nil
}

// forget removes a server from the datapath unless it still has connections.
func (d *Director) forget(v *vip, id uint32) {
	traffic, err := d.plane.Traffic(id)
	if err != nil || d.plane.RemoveReal(id) != nil {
		return
	}
	addVolume(&v.totals, traffic)
	if l := v.leaving[id]; l != nil {
		delete(d.boots, bootKey{v.conf.Name, netip.AddrPortFrom(l.Addr, l.Port)})
		d.unsaved = true
	}
	delete(v.leaving, id)
	maps.DeleteFunc(v.reals, func(_ string, r *real) bool { return r.id == id })
}

// retired is a service of the datapath that is configured no more.
type retired struct {
	name    string
	leaving map[uint32]*leaver // nil until it is out of service
}

// orphans finds the services of the datapath that are configured no more.
func (d *Director) orphans() {
	services := d.plane.Services()
	for id, s := range services {
		switch {
		case d.vips[nameOf(s)] != nil:
			delete(d.retired, id)
		case d.retired[id] == nil:
			d.retired[id] = &retired{name: nameOf(s)}
		}
	}
	maps.DeleteFunc(d.retired, func(id uint32, _ *retired) bool { _, there := services[id]; return !there })
}

// leftovers retires those services: once they have no keys left, they keep
// their connections until these end.
func (d *Director) leftovers(now time.Time) {
	for id, r := range d.retired {
		if err := d.retireVIP(id, r, now); err != nil {
			d.log.Error("a VIP that is configured no more cannot be taken out", "vip", r.name, "error", err)
		}
	}
}

// retireVIP takes a service out step by step, and removes it in the end.
func (d *Director) retireVIP(id uint32, r *retired, now time.Time) (err error) {
	if r.leaving == nil {
		if len(d.plane.VIPs(id)) > 0 {
			return nil // until who has its keys next is ready
		}
		if err := d.plane.SetTables(id, nil, nil); err != nil {
			return err
		}
		r.leaving, err = d.leavers(id, nil, nil)
		return err
	}
	for real, l := range r.leaving {
		if l.ready(d.plane.Tally(real), now) && d.plane.RemoveReal(real) == nil {
			delete(r.leaving, real)
		}
	}
	if len(r.leaving) > 0 {
		return nil
	}
	return d.plane.RemoveService(id)
}

func addVolume(to *bpf.Volume, v bpf.Volume) {
	to.Conns += v.Conns
	to.InPackets += v.InPackets
	to.InBytes += v.InBytes
	to.OutPackets += v.OutPackets
	to.OutBytes += v.OutBytes
}
