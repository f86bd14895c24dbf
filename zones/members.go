package zones

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Members lists the servers of an LB record that takes its pool from SRV
// records, sorted by ID, one for each SRV record whose target has an address in
// the zone. Their health is unknown.
//
// The priority is the server's failover tier and the weight its capacity; a
// weight of 0 takes nothing unless all of its tier have it (RFC 2782). The ID
// is "target:port", in lower case and without a dot at the end.
func (z *Zone) Members(lb *LBRecord) []pool.Server {
	if lb.LB.Source != SRV {
		return nil
	}
	x := z.index
	if x == nil {
		x = newIndex(z)
	}
	var servers []pool.Server
	for _, r := range x.nodes[lb.LB.Name].of(dns.TypeSRV) {
		if s := x.server(r.RR.(*dns.SRV)); len(s.Addrs) > 0 {
			servers = append(servers, s)
		}
	}
	weighUnweighted(servers)
	slices.SortFunc(servers, func(a, b pool.Server) int { return cmp.Compare(a.ID, b.ID) })
	return servers
}

func (x *index) server(srv *dns.SRV) pool.Server {
	return pool.Server{
		ID:       serverID(srv),
		Host:     srv.Target,
		Addrs:    x.addrs(canonical(srv.Target)),
		Port:     srv.Port,
		Tier:     srv.Priority,
		Capacity: float64(srv.Weight),
	}
}

func serverID(srv *dns.SRV) string {
	return strings.TrimSuffix(canonical(srv.Target), ".") + ":" + strconv.Itoa(int(srv.Port))
}

// addrs are the addresses at a name, IPv4 first, each in the zone file's order.
func (x *index) addrs(name string) []netip.Addr {
	var out []netip.Addr
	add := func(ip []byte) {
		if a, ok := netip.AddrFromSlice(ip); ok {
			out = append(out, a)
		}
	}
	n := x.find(name)
	for _, r := range n.of(dns.TypeA) {
		add(r.RR.(*dns.A).A.To4())
	}
	for _, r := range n.of(dns.TypeAAAA) {
		add(r.RR.(*dns.AAAA).AAAA.To16())
	}
	return out
}

// weighUnweighted gives each server of a tier in which all weights are 0 a
// capacity of 1.
func weighUnweighted(servers []pool.Server) {
	weighted := map[uint16]bool{}
	for _, s := range servers {
		weighted[s.Tier] = weighted[s.Tier] || s.Capacity > 0
	}
	for i := range servers {
		if !weighted[servers[i].Tier] {
			servers[i].Capacity = 1
		}
	}
}
