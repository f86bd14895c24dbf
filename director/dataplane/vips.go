package dataplane

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// VIP is an address and port that a service answers to.
type VIP struct {
	Addr  netip.Addr
	Port  uint16 // host byte order
	Proto uint8  // 6 or 17
}

func (v VIP) key() bpf.VIP {
	return bpf.VIP{Addr: v.Addr.As16(), Port: Port(v.Port), Proto: v.Proto}
}

// Port turns a port of host byte order into one as the maps have it, and back.
func Port(p uint16) uint16 { return p<<8 | p>>8 }

// Addr turns an address of the maps into one that prints as people write it.
func Addr(a [16]uint8) netip.Addr { return netip.AddrFrom16(a).Unmap() }

// address is the key of the address itself, for ICMP and what has no ports.
func address(k bpf.VIP) bpf.VIP { return bpf.VIP{Addr: k.Addr} }

func isAddress(k bpf.VIP) bool { return k.Port == 0 && k.Proto == 0 }

// PutVIPs makes these the VIPs of a service; others that it had go. New ones
// are there before old ones go. A VIP of another service is an error, and then
// nothing has changed.
func (p *Plane) PutVIPs(service uint32, vips []VIP) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.service(service); err != nil {
		return err
	}
	return p.putVIPs(service, vips)
}

func (p *Plane) putVIPs(service uint32, vips []VIP) error {
	want := make(map[bpf.VIP]uint32)
	for _, v := range vips {
		k := v.key()
		if !v.Addr.IsValid() || v.Addr.Zone() != "" || v.Port == 0 || v.Proto == 0 {
			return fmt.Errorf("service %d: VIP %v port %d protocol %d: want an address, a port and a protocol", service, v.Addr, v.Port, v.Proto)
		}
		if owner, taken := p.vips[k]; taken && owner != service {
			return fmt.Errorf("service %d: VIP %v port %d protocol %d belongs to service %d", service, v.Addr, v.Port, v.Proto, owner)
		}
		want[k] = service
	}
	for k, owner := range p.vips {
		if owner != service && !isAddress(k) {
			want[k] = owner
		}
	}
	return p.applyVIPs(withAddresses(want, p.vips))
}

// withAddresses adds a key for each address. It keeps its owner while that has
// a VIP on the address, else the lowest service that has.
func withAddresses(want, before map[bpf.VIP]uint32) map[bpf.VIP]uint32 {
	owners := make(map[bpf.VIP][]uint32)
	for k, owner := range want {
		owners[address(k)] = append(owners[address(k)], owner)
	}
	for k, candidates := range owners {
		owner, ok := before[k]
		if !ok || !slices.Contains(candidates, owner) {
			owner = slices.Min(candidates)
		}
		want[k] = owner
	}
	return want
}

// applyVIPs writes the difference, additions first.
func (p *Plane) applyVIPs(want map[bpf.VIP]uint32) error {
	m := p.set.maps["vips"]
	before := maps.Clone(p.vips)
	for k, owner := range want {
		if had, ok := before[k]; ok && had == owner {
			continue
		}
		if err := m.Put(vipBytes(k), owner); err != nil {
			return errors.Join(fmt.Errorf("write VIP %v port %d: %w", Addr(k.Addr), Port(k.Port), err), p.restoreVIPs(before))
		}
		p.vips[k] = owner
	}
	for k := range before {
		if _, keep := want[k]; keep {
			continue
		}
		if err := m.Delete(vipBytes(k)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove VIP %v port %d: %w", Addr(k.Addr), Port(k.Port), err)
		}
		delete(p.vips, k)
	}
	return nil
}

// restoreVIPs takes back additions that could not all be made.
func (p *Plane) restoreVIPs(before map[bpf.VIP]uint32) error {
	m := p.set.maps["vips"]
	var errs []error
	for k := range p.vips {
		if owner, had := before[k]; had {
			errs = append(errs, m.Put(vipBytes(k), owner))
		} else {
			errs = append(errs, m.Delete(vipBytes(k)))
		}
	}
	p.vips = before
	return errors.Join(errs...)
}

// readVIPs fills p.vips from the map.
func (p *Plane) readVIPs() error {
	p.vips = make(map[bpf.VIP]uint32)
	var key [20]byte
	var owner uint32
	it := p.set.maps["vips"].Iterate()
	for it.Next(&key, &owner) {
		p.vips[vipOf(key)] = owner
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("read VIPs: %w", err)
	}
	return nil
}

// VIPs lists a service's VIPs, sorted.
func (p *Plane) VIPs(service uint32) []VIP {
	p.mu.Lock()
	defer p.mu.Unlock()
	var vips []VIP
	for k, owner := range p.vips {
		if owner == service && !isAddress(k) {
			vips = append(vips, VIP{Addr: Addr(k.Addr), Port: Port(k.Port), Proto: k.Proto})
		}
	}
	slices.SortFunc(vips, func(a, b VIP) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		if a.Port != b.Port {
			return int(a.Port) - int(b.Port)
		}
		return int(a.Proto) - int(b.Proto)
	})
	return vips
}
