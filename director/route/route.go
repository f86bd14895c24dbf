// Package route finds how this host reaches real servers, and follows what
// changes that: interfaces, addresses, routes and neighbours.
package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Way is how to reach one real server.
type Way struct {
	Server    netip.Addr
	Interface string
	Ifindex   int
	Nexthop   netip.Addr // neighbour on the interface: the server, or a gateway of either family
	Source    netip.Addr // the address that this host uses towards the server
	MTU       int        // bytes, the least of interface and route; 0: neither says
	Up        bool       // the interface is up and has a carrier
	Err       error      // the server cannot be reached as configured; then only Server holds
}

// Table asks the kernel for routes and interfaces. It belongs to the network
// namespace of the thread that called Open, and may be used by several
// goroutines.
type Table struct {
	handle *netlink.Handle
	events *events
}

// Open opens the sockets. Changes are noted from here on, so that what is
// resolved before Watch runs is not out of date unseen.
func Open() (*Table, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	events, err := subscribe()
	if err != nil {
		handle.Close()
		return nil, err
	}
	return &Table{handle, events}, nil
}

// Close closes the sockets. Watch must have returned.
func (t *Table) Close() {
	t.handle.Close()
	t.events.close()
}

// Resolve finds the way to each server, in the order of servers, and expects
// it to go through one of the interfaces. What is wrong with one server does
// not touch the others.
func (t *Table) Resolve(servers []netip.Addr, interfaces []string) []Way {
	links := make(map[int]*netlink.LinkAttrs)
	ways := make([]Way, 0, len(servers))
	for _, s := range servers {
		way, err := t.resolve(s, interfaces, links)
		if err != nil {
			way = Way{Server: s, Err: err}
		}
		ways = append(ways, way)
	}
	return ways
}

// resolve keeps the interfaces it has asked for in links.
func (t *Table) resolve(server netip.Addr, interfaces []string, links map[int]*netlink.LinkAttrs) (Way, error) {
	if !server.IsValid() || server.IsUnspecified() || server.IsMulticast() {
		return Way{}, fmt.Errorf("%v is no address of a real server", server)
	}
	found, err := t.handle.RouteGetWithOptions(server.AsSlice(), &netlink.RouteGetOptions{Oif: server.Zone()})
	if err != nil {
		return Way{}, noRoute(server, err)
	}
	r := found[0]
	if r.Type == unix.RTN_LOCAL {
		return Way{}, fmt.Errorf("%s is an address of this host: a real server must be another one", server)
	}
	if r.Type != unix.RTN_UNICAST {
		return Way{}, fmt.Errorf("%s has a route of type %d, not unicast: see ip route get %[1]s", server, r.Type)
	}
	link, err := t.link(r.LinkIndex, links)
	if err != nil {
		return Way{}, fmt.Errorf("interface %d to %s: %w", r.LinkIndex, server, err)
	}
	if !slices.Contains(interfaces, link.Name) {
		return Way{}, fmt.Errorf("%s is reached by %s, which is not in interfaces = [%s]: add it, or route %[1]s another way",
			server, link.Name, strings.Join(interfaces, " "))
	}
	return newWay(server, r, link)
}

func newWay(server netip.Addr, r netlink.Route, link *netlink.LinkAttrs) (Way, error) {
	w := Way{
		Server: server, Interface: link.Name, Ifindex: link.Index,
		Nexthop: server.WithZone(""), MTU: leastMTU(link.MTU, r.MTU), Up: isUp(link),
	}
	if hop, ok := gateway(r); ok {
		w.Nexthop = hop
	}
	source, ok := netip.AddrFromSlice(r.Src)
	if !ok {
		return Way{}, fmt.Errorf("%s is reached by %s, but this host has no address to send from: give %[2]s one", server, link.Name)
	}
	w.Source = source.Unmap()
	return w, nil
}

// gateway is not of the server's family where IPv4 goes by IPv6 neighbours
// (RFC 8950).
func gateway(r netlink.Route) (netip.Addr, bool) {
	ip := r.Gw
	if via, ok := r.Via.(*netlink.Via); ok {
		ip = via.Addr
	}
	hop, ok := netip.AddrFromSlice(ip)
	return hop.Unmap(), ok && !hop.IsUnspecified()
}

func leastMTU(link, route int) int {
	if route == 0 {
		return link
	}
	return min(link, route)
}

func (t *Table) link(index int, links map[int]*netlink.LinkAttrs) (*netlink.LinkAttrs, error) {
	if known := links[index]; known != nil {
		return known, nil
	}
	link, err := t.handle.LinkByIndex(index)
	if err != nil {
		return nil, err
	}
	links[index] = link.Attrs()
	return link.Attrs(), nil
}

func noRoute(server netip.Addr, err error) error {
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return fmt.Errorf("%s has no route: add one (see ip route get %[1]s): %w", server, err)
	}
	return fmt.Errorf("route to %s (see ip route get %[1]s): %w", server, err)
}

// Link is the state of an interface.
type Link struct {
	Index int
	Up    bool // set up, and has a carrier
	MTU   int  // bytes
}

// Links looks the interfaces up. Those that do not exist are not in the map;
// an error means that the kernel could not be asked.
func (t *Table) Links(names []string) (map[string]Link, error) {
	links := make(map[string]Link, len(names))
	for _, name := range names {
		link, err := t.handle.LinkByName(name)
		if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", name, err)
		}
		a := link.Attrs()
		links[name] = Link{a.Index, isUp(a), a.MTU}
	}
	return links, nil
}

func isUp(a *netlink.LinkAttrs) bool {
	return a.Flags&net.FlagUp != 0 && a.RawFlags&unix.IFF_RUNNING != 0
}
