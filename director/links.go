package director

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/route"
)

// linkState is one configured interface.
type linkState struct {
	index    int // 0: there is none of that name
	attached bool
	err      error
}

// attach puts the datapath at every configured interface that is there. Those
// that are not are told, and attached when they come. d.mu is held.
func (d *Director) attach() {
	found, err := d.routes.Links(d.cfg.Interfaces)
	for _, name := range d.cfg.Interfaces {
		link, ok := found[name]
		state := linkState{index: link.Index, err: err}
		switch {
		case err != nil:
		case !ok:
			state.err = fmt.Errorf("there is no interface %s: it will be used when it appears", name)
		default:
			if state.err = d.plane.Attach(name); state.err == nil {
				state.attached = true
			}
		}
		d.tellLink(name, d.links[name], state)
		d.links[name] = state
	}
	d.detach()
}

func (d *Director) tellLink(name string, was, is linkState) {
	switch {
	case is.err != nil && (was.err == nil || was.err.Error() != is.err.Error()):
		d.log.Warn("an interface is not served", "interface", name, "error", is.err)
	case is.attached && (!was.attached || was.index != is.index):
		d.log.Info("attached", "interface", name, "index", is.index)
	}
}

// detach takes the datapath off interfaces that are configured no more.
func (d *Director) detach() {
	for name := range d.links {
		if slices.Contains(d.cfg.Interfaces, name) {
			continue
		}
		if err := d.plane.Detach(name); err != nil {
			d.log.Warn("cannot detach", "interface", name, "error", err)
		}
		delete(d.links, name)
	}
	attached, err := d.plane.Attached()
	if err != nil {
		return
	}
	for _, a := range attached { // by an earlier run
		if !slices.Contains(d.cfg.Interfaces, a.Name) {
			if err := d.plane.DetachIndex(a.Ifindex); err != nil {
				d.log.Warn("cannot detach", "interface", a.Name, "error", err)
			}
		}
	}
}

// routesChanged is called by the watcher of routes.
func (d *Director) routesChanged() { wake(d.changes) }

// neighbourLost is called by it for a station that is silent on its link.
func (d *Director) neighbourLost(n route.Neighbour) {
	d.mu.Lock()
	d.lost[n.Addr] = time.Now()
	for _, v := range d.vips {
		v.dirty = true
	}
	d.mu.Unlock()
	wake(d.kick)
}

// reroute finds the ways anew, and takes interfaces and addresses that have
// returned. d.mu is held.
func (d *Director) reroute() {
	d.attach()
	addrs := make([]netip.Addr, 0, len(d.ways))
	for a := range d.ways {
		addrs = append(addrs, a)
	}
	for _, w := range d.routes.Resolve(addrs, d.cfg.Interfaces) {
		if was := d.ways[w.Server]; fmt.Sprint(was.Err) != fmt.Sprint(w.Err) && w.Err != nil {
			d.log.Warn("no way to a server", "server", w.Server, "error", w.Err)
		}
		d.ways[w.Server] = w
	}
	for _, v := range d.vips {
		v.dirty = true
		if v.served {
			d.own(v)
		}
	}
}

// way is how to reach a server.
func (d *Director) way(server netip.Addr) route.Way {
	w, ok := d.ways[server]
	if !ok {
		w = d.routes.Resolve([]netip.Addr{server}, d.cfg.Interfaces)[0]
		d.ways[server] = w
	}
	return w
}

func nameOf(s bpf.Service) string { return dataplane.ServiceName(s) }
