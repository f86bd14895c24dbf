package dataplane

import (
	"fmt"
	"iter"
	"maps"
	"time"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
)

// Service is what a VIP's connections are handled by. Its name tells it from
// others, also after a restart.
type Service struct {
	Name       string // at most 31 bytes
	Scheduler  bpf.DirectorScheduler
	Mode       bpf.DirectorMode
	OnFailure  bpf.DirectorOnFailure
	Seed       uint64        // of hashes; equal on directors that share the VIP
	Sticky     time.Duration // of persistence; 0: none
	StickyBits uint8         // length of the client prefix, of 128: IPv4's is 96 more
	Retry      time.Duration // until a repeated SYN goes to another server
	Silence    time.Duration // of a dead server, for reset-if-silent
	Tries      uint8         // servers tried for one connection, 1 to 16
	LportMin   uint16        // fullnat: source ports, both included
	LportMax   uint16
}

// Offsets of the fields that say whether an element may be used.
const (
	serviceKey = unsafe.Offsetof(bpf.Service{}.InUse)
	realKey    = unsafe.Offsetof(bpf.Real{}.State)
)

const maxTries = 16 // MAX_TRIES in types.h

func (s Service) check() error {
	var v bpf.Service
	switch {
	case s.Name == "" || len(s.Name) >= len(v.Name):
		return fmt.Errorf("service %q: a name has 1 to %d bytes", s.Name, len(v.Name)-1)
	case s.StickyBits > 128:
		return fmt.Errorf("service %s: prefix of %d bits, want at most 128", s.Name, s.StickyBits)
	case s.Tries < 1 || s.Tries > maxTries:
		return fmt.Errorf("service %s: %d tries, want 1 to %d", s.Name, s.Tries, maxTries)
	case s.LportMin > s.LportMax:
		return fmt.Errorf("service %s: source ports %d to %d are none", s.Name, s.LportMin, s.LportMax)
	}
	return nil
}

// value is the service as the datapath reads it, with the spans that it has.
func (s Service) value(members, table bpf.Span) bpf.Service {
	v := bpf.Service{
		Members: members, Table: table,
		Seed:   s.Seed,
		Sticky: Ticks(s.Sticky), Retry: Ticks(s.Retry), Silence: Ticks(s.Silence),
		LportMin: s.LportMin, LportMax: s.LportMax,
		Scheduler: uint8(s.Scheduler), Mode: uint8(s.Mode), OnFailure: uint8(s.OnFailure),
		StickyBits: s.StickyBits, Tries: s.Tries, InUse: 1,
	}
	for i := range len(s.Name) {
		v.Name[i] = int8(s.Name[i])
	}
	return v
}

func name(v bpf.Service) string {
	var b []byte
	for _, c := range v.Name {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// PutService makes a service or changes the one of that name, which keeps its
// id, VIPs, real servers and tables.
func (p *Plane) PutService(s Service) (id uint32, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	free, found := uint32(0), false
	for id := range p.services.len {
		switch v := p.services.load(id); {
		case v.InUse != 0 && name(v) == s.Name:
			p.services.store(id, s.value(v.Members, v.Table), serviceKey)
			return id, nil
		case v.InUse == 0 && !found:
			free, found = id, true
		}
	}
	if !found {
		return 0, fmt.Errorf("service %s: all %d are in use", s.Name, p.services.len)
	}
	if err := p.clearReasons(free + 1); err != nil {
		return 0, fmt.Errorf("service %s: %w", s.Name, err)
	}
	p.services.store(free, s.value(bpf.Span{}, bpf.Span{}), serviceKey)
	return free, nil
}

// RemoveService removes a service and its VIPs. It must have no real servers
// any more.
func (p *Plane) RemoveService(id uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, err := p.service(id)
	if err != nil {
		return err
	}
	for real, r := range p.presentReals() {
		if r.Service == id {
			return fmt.Errorf("service %s: real server %d is still part of it", name(v), real)
		}
	}
	if err := p.putVIPs(id, nil); err != nil {
		return err
	}
	p.services.clear(id, serviceKey)
	p.regions.release(v.Members, time.Now())
	p.regions.release(v.Table, time.Now())
	return nil
}

// Services gives the services by id, as the datapath has them.
func (p *Plane) Services() map[uint32]bpf.Service {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Collect(p.presentServices())
}

// ServiceName is the name that Service.Name was set to.
func ServiceName(v bpf.Service) string { return name(v) }

func (p *Plane) presentServices() iter.Seq2[uint32, bpf.Service] {
	return func(yield func(uint32, bpf.Service) bool) {
		for id := range p.services.len {
			if v := p.services.load(id); v.InUse != 0 && !yield(id, v) {
				return
			}
		}
	}
}

// service gives a service that exists.
func (p *Plane) service(id uint32) (bpf.Service, error) {
	if id < p.services.len {
		if v := p.services.load(id); v.InUse != 0 {
			return v, nil
		}
	}
	return bpf.Service{}, fmt.Errorf("no service has id %d", id)
}
