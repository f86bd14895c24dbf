package main

import (
	"fmt"
	"net/netip"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// service is a service in Consul.
type service struct {
	name    string
	prefix  string // of addresses; the servers are numbered from first on
	first   int
	servers int
	prefix6 string // where not empty, every second server has such an address too
	loads   bool   // servers report their load
	mayGo   bool   // all servers may be deregistered at once
}

// services have different sizes, and addresses that are nobody else's.
var services = []service{
	{name: "web", prefix: "192.0.2.", first: 1, servers: 12, prefix6: "2001:db8:1::", loads: true},
	{name: "tiny", prefix: "192.0.2.", first: 101, servers: 2},
	{name: "solo", prefix: "192.0.2.", first: 111, servers: 1, mayGo: true},
	{name: "pair", prefix: "192.0.2.", first: 121, servers: 2, mayGo: true},
	{name: "trio", prefix: "192.0.2.", first: 131, servers: 3, mayGo: true},
	{name: "spare", prefix: "192.0.2.", first: 141, servers: 4, mayGo: true},
	{name: "mid", prefix: "198.51.100.", first: 1, servers: 30, prefix6: "2001:db8:2::", loads: true},
	{name: "big", prefix: "203.0.113.", first: 1, servers: 150},
}

// server is the i-th server of a service, as it is at first.
func (s *service) server(i int) oracle.Server {
	server := oracle.Server{
		ID:     fmt.Sprintf("%s%d/%s-%d", s.name, i, s.name, i),
		Addrs:  []netip.Addr{netip.MustParseAddr(fmt.Sprint(s.prefix, s.first+i))},
		Port:   8080,
		Weight: 1 + i%5,
	}
	if s.prefix6 != "" && i%2 == 0 {
		server.Addrs = append(server.Addrs, netip.MustParseAddr(fmt.Sprintf("%s%x", s.prefix6, i+1)))
	}
	if s.loads {
		server.Load = 0.2
	}
	return server
}

func (s *service) pool() oracle.Pool {
	p := oracle.Pool{}
	for i := range s.servers {
		server := s.server(i)
		p[server.ID] = server
	}
	return p
}

// source is how an LB record names the service.
func (s *service) source() string { return "consul " + s.name }
