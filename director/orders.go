package director

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/control"
)

// overrides are what operators ask for the VIP's servers, by server ID. Where
// several orders match, the last that was given counts.
func (d *Director) overrides(v *vip, now time.Time) map[string]verdict.Override {
	out := make(map[string]verdict.Override)
	for _, o := range d.orders {
		if !o.Active(now) || !o.MatchVIP(v.conf.Name, v.conf.Address) {
			continue
		}
		if o.Deadline.IsZero() && v.conf.DrainDeadline > 0 {
			o.Deadline = o.Set.Add(v.conf.DrainDeadline) // not of when it is judged first: that may be after a restart
		}
		for _, id := range d.matches(v, o) {
			out[id] = verdict.Override{Factor: 1, Drain: true, Deadline: o.Deadline, By: o.By}
		}
	}
	return out
}

// matches are the servers of the VIP that an order selects.
func (d *Director) matches(v *vip, o control.DrainOrder) []string {
	var ids []string
	seen := make(map[string]bool)
	add := func(id string, addr netip.Addr, port uint16) {
		if !seen[id] && o.MatchServer(id, netip.AddrPortFrom(addr, port)) {
			ids, seen[id] = append(ids, id), true
		}
	}
	for _, f := range []*feed{v.servers, v.spare} {
		if p := f.last(); p != nil {
			for _, s := range p.Servers {
				add(s.ID, s.Addrs[0], s.Port)
			}
		}
	}
	return ids
}

// Drain implements control.Director.
func (d *Director) Drain(_ context.Context, o control.DrainOrder) (control.DrainOrder, error) {
	now := time.Now()
	if err := o.Validate(now); err != nil {
		return o, err
	}
	if err := d.requests.enter(); err != nil {
		return o, err
	}
	defer d.requests.leave()
	defer d.save() // before it is answered: a restart must not undo it
	d.mu.Lock()
	defer d.mu.Unlock()
	o.Set, o.Matches, o.Connections = now, 0, 0
	d.orders = slices.DeleteFunc(d.orders, func(p control.DrainOrder) bool { return p.Server == o.Server && p.VIP == o.VIP })
	d.orders = append(d.orders, o)
	d.count(&o)
	d.log.Info("drain", "server", o.Server, "vip", o.VIP, "by", o.By, "matches", o.Matches)
	d.ordered()
	return o, nil
}

// count fills in what an order matches now.
func (d *Director) count(o *control.DrainOrder) {
	for _, v := range d.vips {
		if !o.MatchVIP(v.conf.Name, v.conf.Address) {
			continue
		}
		for _, id := range d.matches(v, *o) {
			o.Matches++
			if r := v.reals[id]; r != nil {
				t := d.plane.Tally(r.id)
				o.Connections += uint64(t.Active) + uint64(t.Inactive)
			}
		}
	}
}

// Undrain implements control.Director.
func (d *Director) Undrain(_ context.Context, server, vip string) (int, error) {
	if err := d.requests.enter(); err != nil {
		return 0, err
	}
	defer d.requests.leave()
	defer d.save()
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.orders)
	d.orders = slices.DeleteFunc(d.orders, func(o control.DrainOrder) bool {
		return o.Server == server && (vip == "" || o.VIP == vip)
	})
	n := before - len(d.orders)
	if n == 0 {
		return 0, control.Errorf(control.ErrNotFound, "there is no drain of %s", server)
	}
	d.log.Info("undrain", "server", server, "vip", vip)
	d.ordered()
	return n, nil
}

// expireOrders drops orders that are over. d.mu is held.
func (d *Director) expireOrders(now time.Time) {
	before := len(d.orders)
	d.orders = slices.DeleteFunc(d.orders, func(o control.DrainOrder) bool { return !o.Active(now) })
	if len(d.orders) < before {
		d.ordered()
	}
}

// ordered has every VIP judged anew at once, as the orders have changed.
func (d *Director) ordered() {
	d.unsaved = true
	for _, v := range d.vips {
		v.dirty = true
	}
	wake(d.kick)
}
