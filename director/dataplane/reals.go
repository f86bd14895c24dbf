package dataplane

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/ballast-lb/ballast/director/bpf"
)

// Real is a real server of one service. Service, address and port tell it from
// others, also after a restart.
type Real struct {
	Service    uint32
	Addr       netip.Addr
	Port       uint16 // host byte order; 0: the port that the client asked for
	Weight     uint32 // 256 is 1.0; 0 takes nothing new
	State      bpf.DirectorRealState
	Generation uint32     // 0: as it is, or for a new one another than its id had before
	DownAt     uint32     // tick of its death, for DOWN
	Nexthop    netip.Addr // neighbour on the interface: the server or a gateway to it
	Source     netip.Addr // fullnat: the address that the server sees
	Ifindex    uint32
	MTU        uint32 // of the way; 0: not known
}

func (r Real) check() error {
	switch {
	case !r.Addr.IsValid() || r.Addr.Zone() != "":
		return fmt.Errorf("real server %v: want an address without zone", r.Addr)
	case r.Nexthop.Zone() != "" || r.Source.Zone() != "":
		return fmt.Errorf("real server %v: next hop %v and source %v must have no zone", r.Addr, r.Nexthop, r.Source)
	case r.State == bpf.DirectorRealStateREAL_ABSENT || r.State > bpf.DirectorRealStateREAL_DOWN:
		return fmt.Errorf("real server %v: state %d is none that a server can be in", r.Addr, r.State)
	}
	return nil
}

// value is the real server as the datapath reads it.
func (r Real) value() bpf.Real {
	v := bpf.Real{
		Addr: r.Addr.As16(), Port: Port(r.Port),
		Ifindex: r.Ifindex, Mtu: r.MTU, Weight: r.Weight, Generation: r.Generation,
		Service: r.Service, DownAt: r.DownAt, State: uint8(r.State),
	}
	if r.Nexthop.IsValid() {
		v.Nexthop, v.NexthopFamily = r.Nexthop.As16(), 4
		if !r.Nexthop.Unmap().Is4() {
			v.NexthopFamily = 6
		}
	}
	if r.Source.IsValid() {
		v.Source = r.Source.As16()
	}
	return v
}

// realOf is the reverse of value.
func realOf(v bpf.Real) Real {
	r := Real{
		Service: v.Service, Addr: Addr(v.Addr), Port: Port(v.Port), Weight: v.Weight,
		State: bpf.DirectorRealState(v.State), Generation: v.Generation, DownAt: v.DownAt,
		Ifindex: v.Ifindex, MTU: v.Mtu,
	}
	if v.NexthopFamily != 0 {
		r.Nexthop = Addr(v.Nexthop)
	}
	if v.Source != ([16]uint8{}) {
		r.Source = Addr(v.Source)
	}
	return r
}

func same(a, b bpf.Real) bool { return a.Service == b.Service && a.Addr == b.Addr && a.Port == b.Port }

// PutReal adds a real server or changes the one of that service, address and
// port, which keeps its id and numbers.
func (p *Plane) PutReal(r Real) (id uint32, err error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.service(r.Service); err != nil {
		return 0, fmt.Errorf("real server %v: %w", r.Addr, err)
	}
	v := r.value()
	for id, there := range p.presentReals() {
		if same(there, v) {
			p.setReal(id, there, v)
			return id, nil
		}
	}
	for i := range p.reals.len {
		id := (p.next + i) % p.reals.len
		before := p.reals.load(id)
		if before.State != uint8(bpf.DirectorRealStateREAL_ABSENT) {
			continue
		}
		if err := p.clearNumbers(id); err != nil {
			return 0, fmt.Errorf("real server %v: %w", r.Addr, err)
		}
		if v.Generation == 0 {
			v.Generation = after(before.Generation)
		}
		p.reals.store(id, v, realKey)
		p.next = (id + 1) % p.reals.len
		return id, nil
	}
	return 0, fmt.Errorf("real server %v: all %d are in use; raise the number of real servers", r.Addr, p.reals.len)
}

// SetReal changes a real server; service, address and port must be its own.
// What depends on the state is written before the state, addresses by halves
// of 8 bytes: a change of an IPv6 next hop may misdirect one packet.
func (p *Plane) SetReal(id uint32, r Real) error {
	if err := r.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	there, err := p.real(id)
	if err != nil {
		return err
	}
	v := r.value()
	if !same(there, v) {
		return fmt.Errorf("real server %d is %v port %d of service %d, not %v port %d of service %d",
			id, Addr(there.Addr), Port(there.Port), there.Service, r.Addr, r.Port, r.Service)
	}
	p.setReal(id, there, v)
	return nil
}

func (p *Plane) setReal(id uint32, there, v bpf.Real) {
	if v.Generation == 0 {
		v.Generation = there.Generation
	}
	p.reals.store(id, v, realKey)
}

// Retire raises a real server's generation, which ends all connections that it
// has: its service's on_failure does not matter.
func (p *Plane) Retire(id uint32) (generation uint32, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	there, err := p.real(id)
	if err != nil {
		return 0, err
	}
	generation = after(there.Generation)
	atomic.StoreUint32(&p.reals.at(id).Generation, generation)
	return generation, nil
}

// after is the next generation; 0 is none.
func after(generation uint32) uint32 { return max(1, generation+1) }

// RemoveReal removes a real server that has no connections and is in no table.
func (p *Plane) RemoveReal(id uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	there, err := p.real(id)
	if err != nil {
		return err
	}
	if t := p.tallies.load(id); t.Active != 0 || t.Inactive != 0 {
		return fmt.Errorf("real server %d (%v): %d active and %d inactive connections: %w", id, Addr(there.Addr), t.Active, t.Inactive, ErrBusy)
	}
	if v, err := p.service(there.Service); err == nil {
		if slices.Contains(p.read(v.Members), id) {
			return fmt.Errorf("real server %d (%v): still a member of service %s: %w", id, Addr(there.Addr), name(v), ErrBusy)
		}
	}
	// The generation stays, so that persistence cannot take the next server
	// with this id for this one.
	gone := bpf.Real{Generation: there.Generation}
	p.reals.clear(id, realKey)
	p.reals.store(id, gone, realKey)
	return nil
}

// Reals gives the real servers of a service by id.
func (p *Plane) Reals(service uint32) map[uint32]Real {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[uint32]Real)
	for id, v := range p.presentReals() {
		if v.Service == service {
			all[id] = realOf(v)
		}
	}
	return all
}

func (p *Plane) presentReals() iter.Seq2[uint32, bpf.Real] {
	return func(yield func(uint32, bpf.Real) bool) {
		for id := range p.reals.len {
			if p.reals.at(id).State == uint8(bpf.DirectorRealStateREAL_ABSENT) {
				continue
			}
			if !yield(id, p.reals.load(id)) {
				return
			}
		}
	}
}

// real gives a real server that exists.
func (p *Plane) real(id uint32) (bpf.Real, error) {
	if id < p.reals.len {
		if v := p.reals.load(id); v.State != uint8(bpf.DirectorRealStateREAL_ABSENT) {
			return v, nil
		}
	}
	return bpf.Real{}, fmt.Errorf("no real server has id %d", id)
}
