package director

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/dataplane"
)

// owners says which service answers for which address, port and protocol.
type owners map[dataplane.VIP]uint32

// of are the keys of one service.
func (o owners) of(service uint32) []dataplane.VIP {
	var keys []dataplane.VIP
	for k, owner := range o {
		if owner == service {
			keys = append(keys, k)
		}
	}
	return keys
}

// claimant is a configured VIP as far as keys are concerned.
type claimant struct {
	service uint32
	keys    []dataplane.VIP
	ready   bool // its servers are known to the datapath
}

// assign says who is to have which key. A claimant that is not ready leaves
// what it wants with whoever has it now; what nobody wants goes.
func assign(held owners, claimants []claimant) owners {
	want := make(owners)
	for _, c := range claimants {
		for _, k := range c.keys {
			if owner, taken := held[k]; c.ready {
				want[k] = c.service
			} else if taken {
				want[k] = owner
			}
		}
	}
	return want
}

// yield is what each service keeps that has to give keys to others: they go
// before others take them, for a key has one owner.
func yield(held, want owners) map[uint32][]dataplane.VIP {
	kept := make(map[uint32][]dataplane.VIP)
	for k, owner := range held {
		if next, ok := want[k]; ok && next != owner {
			kept[owner] = nil
		}
	}
	for k, owner := range held {
		if _, gives := kept[owner]; gives && (want[k] == owner || !contains(want, k)) {
			kept[owner] = append(kept[owner], k)
		}
	}
	return kept
}

func contains(o owners, k dataplane.VIP) bool { _, ok := o[k]; return ok }

// differ are the services whose keys are not the same in both.
func differ(held, want owners) []uint32 {
	services := make(map[uint32]bool)
	for _, pair := range [][2]owners{{held, want}, {want, held}} {
		for k, owner := range pair[0] {
			if other, ok := pair[1][k]; !ok || other != owner {
				services[owner] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(services))
}

// serve lets the datapath answer for every VIP whose servers it knows, and for
// no other. It is tried again with each verdict until it works. d.mu is held.
func (d *Director) serve(now time.Time) {
	if !d.unserved(now) {
		return
	}
	held := make(owners)
	for id := range d.plane.Services() {
		for _, k := range d.plane.VIPs(id) {
			held[k] = id
		}
	}
	var claimants []claimant
	for _, v := range d.vips {
		claimants = append(claimants, claimant{v.id, addresses(v.conf), v.members != nil})
	}
	d.entitled = now
	failed := d.hand(held, assign(held, claimants))
	for _, v := range d.vips {
		if v.members == nil || v.served {
			continue
		}
		if err := failed[v.id]; err != nil {
			if v.judged.Equal(now) { // else it says so already
				v.trouble = errors.Join(v.trouble, err)
			}
			continue
		}
		v.served = true
		d.own(v)
	}
}

// unserved tells whether the keys have to be looked at: for a VIP that is ready
// to be served, or, from time to time, for those that are configured no more.
func (d *Director) unserved(now time.Time) bool {
	for _, v := range d.vips {
		if v.members != nil && !v.served && v.judged.Equal(now) {
			return true
		}
	}
	if now.Sub(d.entitled) < judgeEvery {
		return false
	}
	for _, r := range d.retired {
		if r.leaving == nil {
			return true
		}
	}
	return false
}

// hand gives the keys to those who are to have them. Between the two passes,
// some microseconds, new connections to what changes hands are the host's.
func (d *Director) hand(held, want owners) map[uint32]error {
	failed := make(map[uint32]error)
	for id, keys := range yield(held, want) {
		failed[id] = d.plane.PutVIPs(id, keys)
	}
	for _, id := range differ(held, want) {
		if err := d.plane.PutVIPs(id, want.of(id)); err != nil {
			failed[id] = fmt.Errorf("it is not answered for: %w", err)
		}
	}
	return failed
}
