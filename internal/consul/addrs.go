package consul

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// addrs are the instance's addresses, its own before its node's. The error
// tells what could not be used.
func (e *entry) addrs(wan bool) ([]netip.Addr, error) {
	var list []netip.Addr
	var problem error
	add := func(text string, port int) {
		if text == "" {
			return
		}
		addr, err := usable(text)
		if err == nil && port != 0 && port != e.Service.Port {
			err = fmt.Errorf("address %s has port %d, the service %d: one server has one port", text, port, e.Service.Port)
		}
		if err != nil {
			problem = cmp.Or(problem, err)
		} else if !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	e.each(wan, add)
	if len(list) == 0 && problem == nil {
		problem = fmt.Errorf("neither service nor node has an address")
	}
	return list, problem
}

// each calls add with the addresses that count: those of the service, or of
// its node when the service has none.
func (e *entry) each(wan bool, add func(text string, port int)) {
	zone := "lan"
	if wan && e.hasWAN() {
		zone = "wan"
	}
	tagged := e.Service.TaggedAddresses
	switch {
	case zone == "lan":
		add(cmp.Or(e.Service.Address, e.Node.Address), 0)
	case e.Service.Address != "":
		add(tagged["wan"].Address, tagged["wan"].Port)
	default:
		add(e.Node.TaggedAddresses["wan"], 0)
	}
	for _, family := range []string{"_ipv4", "_ipv6"} {
		if a, ok := tagged[zone+family]; ok {
			add(a.Address, a.Port)
		} else if e.Service.Address == "" {
			add(e.Node.TaggedAddresses[zone+family], 0)
		}
	}
}

func (e *entry) hasWAN() bool {
	for _, key := range []string{"wan", "wan_ipv4", "wan_ipv6"} {
		if e.Service.TaggedAddresses[key].Address != "" {
			return true
		}
		if e.Service.Address == "" && e.Node.TaggedAddresses[key] != "" {
			return true
		}
	}
	return false
}

// usable parses an address that can stand in an A or AAAA record. Names are
// not resolved: the answer would be as old as somebody else's TTL.
func usable(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return addr, fmt.Errorf("address %q is not an IP address: register one, names are not resolved", clip(text))
	}
	addr = addr.Unmap()
	if addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
		return addr, fmt.Errorf("address %q cannot be answered with", clip(text))
	}
	return addr, nil
}
