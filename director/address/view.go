package address

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
)

// view is this host's interfaces and addresses at one moment.
type view struct {
	links   map[int]*netlink.LinkAttrs
	entries []entry
}

// entry is an address on an interface.
type entry struct {
	addr   netip.Addr
	subnet netip.Prefix
	index  int
	proto  uint8
}

func (o *Owner) look() (view, error) {
	links, err := o.links.LinkList()
	if err != nil {
		return view{}, fmt.Errorf("list interfaces: %w", err)
	}
	v := view{links: make(map[int]*netlink.LinkAttrs, len(links))}
	for _, l := range links {
		v.links[l.Attrs().Index] = l.Attrs()
	}
	v.entries, err = o.kernel.list()
	if err != nil {
		return view{}, fmt.Errorf("list addresses: %w", err)
	}
	return v, nil
}

// of returns where an address is.
func (v view) of(addr netip.Addr) (held []Holding) {
	for _, e := range v.entries {
		if e.addr == addr && v.links[e.index] != nil {
			held = append(held, v.holding(e))
		}
	}
	return held
}

func (v view) holding(e entry) Holding {
	h := Holding{Addr: e.addr, Ifindex: e.index, Ours: e.proto == Protocol}
	if link := v.links[e.index]; link != nil {
		h.Interface = link.Name
	}
	return h
}

// place is where an address belongs.
type place struct {
	link   *netlink.LinkAttrs
	onLink bool // its subnet contains the address
}

// place does not fall back on a later interface if the first is gone: the
// address would stay there when the first returns.
func (v view) place(addr netip.Addr, interfaces []string) (place, error) {
	var best place
	bits := -1
	for _, name := range interfaces {
		link := v.named(name)
		if link == nil {
			continue
		}
		if n := v.narrowest(addr, link.Index); n > bits {
			best, bits = place{link, true}, n
		}
	}
	if best.link != nil {
		return best, nil
	}
	if len(interfaces) == 0 {
		return place{}, fmt.Errorf("%s has no interface to go on: name one in interfaces", addr)
	}
	if first := v.named(interfaces[0]); first != nil {
		return place{first, false}, nil
	}
	return place{}, fmt.Errorf("%s belongs on %s, which does not exist, and no other of interfaces = [%s] has a subnet around it",
		addr, interfaces[0], strings.Join(interfaces, " "))
}

func (v view) named(name string) *netlink.LinkAttrs {
	for _, l := range v.links {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// narrowest returns the length of the longest prefix on a link that contains
// an address, or -1. An address alone is no subnet.
func (v view) narrowest(addr netip.Addr, index int) int {
	bits := -1
	for _, e := range v.entries {
		if e.index == index && !e.subnet.IsSingleIP() && e.subnet.Contains(addr) {
			bits = max(bits, e.subnet.Bits())
		}
	}
	return bits
}
