package dataplane

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
)

// SetTables gives a service its members, each real server once, and its
// scheduler's table, of members only. Packets see the old ones or the new ones
// of each. When the slots are nearly full it waits, 10 ms at most, for what was
// replaced last.
func (p *Plane) SetTables(service uint32, members, table []uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, err := p.service(service)
	if err != nil {
		return err
	}
	if err := p.checkTables(service, members, table); err != nil {
		return fmt.Errorf("service %s: %w", name(v), err)
	}
	m, err := p.write(members)
	if err != nil {
		return fmt.Errorf("service %s: members: %w", name(v), err)
	}
	t, err := p.write(table)
	if err != nil {
		p.regions.cancel(m)
		return fmt.Errorf("service %s: table: %w", name(v), err)
	}
	at := p.services.at(service)
	swapSpan(&at.Members, m)
	swapSpan(&at.Table, t)
	now := time.Now()
	p.regions.release(v.Members, now)
	p.regions.release(v.Table, now)
	return nil
}

func (p *Plane) checkTables(service uint32, members, table []uint32) error {
	if len(members) > bpf.MaxMembers {
		return fmt.Errorf("%d real servers, want at most %d", len(members), bpf.MaxMembers)
	}
	known := make(map[uint32]bool, len(members))
	for _, id := range members {
		r, err := p.real(id)
		switch {
		case err != nil:
			return err
		case r.Service != service:
			return fmt.Errorf("real server %d belongs to service %d", id, r.Service)
		case known[id]:
			return fmt.Errorf("real server %d is a member twice", id)
		}
		known[id] = true
	}
	for i, id := range table {
		if !known[id] {
			return fmt.Errorf("table: real server %d at %d is not a member", id, i)
		}
	}
	return nil
}

// write puts ids in a free region of slots.
func (p *Plane) write(ids []uint32) (bpf.Span, error) {
	s, wait, ok := p.regions.alloc(uint32(len(ids)), time.Now())
	if !ok && wait > 0 {
		time.Sleep(wait)
		s, _, ok = p.regions.alloc(uint32(len(ids)), time.Now())
	}
	if !ok {
		return s, fmt.Errorf("no room for %d slots, of %d", len(ids), p.slots.len)
	}
	for i, id := range ids {
		atomic.StoreUint32(p.slots.at(s.Off+uint32(i)), id)
	}
	return s, nil
}

// swapSpan replaces offset and length in one store. C's struct span is 8 bytes
// and, in struct service, on a multiple of 8.
func swapSpan(dst *bpf.Span, s bpf.Span) {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(dst)), *(*uint64)(unsafe.Pointer(&s)))
}

// Tables gives the members and the table of a service.
func (p *Plane) Tables(service uint32) (members, table []uint32, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, err := p.service(service)
	if err != nil {
		return nil, nil, err
	}
	return p.read(v.Members), p.read(v.Table), nil
}

func (p *Plane) read(s bpf.Span) []uint32 {
	ids := make([]uint32, s.Len)
	for i := range ids {
		ids[i] = atomic.LoadUint32(p.slots.at(s.Off + uint32(i)))
	}
	return ids
}
