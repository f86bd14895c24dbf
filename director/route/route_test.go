package route

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/route/nstest"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a director with the interfaces d0 and br0, and a server on br0.
func pair(t *testing.T) (director, server *nstest.Space, table *Table) {
	t.Helper()
	director, server = nstest.New(t), nstest.New(t)
	nstest.Join(t, director, "d0", server, "c0")
	nstest.Join(t, director, "br0", server, "s0")
	director.Enter(t, func() {
		director.Address(t, "d0", "10.200.0.2/24", "fd00:200::2/64")
		director.Address(t, "br0", "10.201.0.1/24", "fd00:201::1/64")
		table = open(t)
	})
	server.Enter(t, func() {
		server.Address(t, "s0", "10.201.0.11/24", "fd00:201::11/64")
	})
	return director, server, table
}

func open(t *testing.T) *Table {
	t.Helper()
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestResolve(t *testing.T) {
	director, _, table := pair(t)
	var index int
	director.Enter(t, func() {
		index = director.Link(t, "br0").Attrs().Index
		director.Route(t, "10.202.0.0/24", "10.201.0.254", 1400)
		director.Route(t, "fd00:202::/64", "fd00:201::254", 1400)
		director.Route(t, "10.203.0.0/24", "10.201.0.254", 9000)
		director.Route(t, "10.204.0.0/24", "fd00:201::254", 0)
	})
	cases := map[string]Way{
		"on the link":                          {Server: addr("10.201.0.11"), Nexthop: addr("10.201.0.11"), Source: addr("10.201.0.1"), MTU: 1500},
		"on the link, IPv6":                    {Server: addr("fd00:201::11"), Nexthop: addr("fd00:201::11"), Source: addr("fd00:201::1"), MTU: 1500},
		"behind a gateway, MTU of the route":   {Server: addr("10.202.0.1"), Nexthop: addr("10.201.0.254"), Source: addr("10.201.0.1"), MTU: 1400},
		"behind a gateway, IPv6":               {Server: addr("fd00:202::1"), Nexthop: addr("fd00:201::254"), Source: addr("fd00:201::1"), MTU: 1400},
		"route MTU above the interface's":      {Server: addr("10.203.0.1"), Nexthop: addr("10.201.0.254"), Source: addr("10.201.0.1"), MTU: 1500},
		"IPv4 behind an IPv6 gateway":          {Server: addr("10.204.0.1"), Nexthop: addr("fd00:201::254"), Source: addr("10.201.0.1"), MTU: 1500},
		"link-local with the interface's name": {Server: addr("fe80::1%br0"), Nexthop: addr("fe80::1"), MTU: 1500},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			want.Interface, want.Ifindex, want.Up = "br0", index, true
			got := table.Resolve([]netip.Addr{want.Server}, []string{"d0", "br0"})[0]
			if want.Server.Zone() != "" {
				want.Source = got.Source // of EUI-64
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	_, _, table := pair(t)
	cases := []struct{ name, server, interfaces, want string }{
		{"no route", "192.0.2.1", "d0 br0", "192.0.2.1 has no route"},
		{"no route, IPv6", "2001:db8::1", "d0 br0", "2001:db8::1 has no route"},
		{"another interface", "10.201.0.11", "d0 br1", "10.201.0.11 is reached by br0, which is not in interfaces = [d0 br1]"},
		{"own address", "10.201.0.1", "br0", "is an address of this host"},
		{"broadcast", "10.201.0.255", "br0", "not unicast"},
		{"multicast", "224.0.0.1", "br0", "no address of a real server"},
		{"interface that is not there", "fe80::1%br9", "br0", "br9"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ways := table.Resolve([]netip.Addr{addr(c.server), addr("10.201.0.12")}, strings.Fields(c.interfaces))
			if err := ways[0].Err; err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if ways[0].Server != addr(c.server) || ways[1].Server != addr("10.201.0.12") {
				t.Errorf("order of servers lost: %+v", ways)
			}
		})
	}
}

func TestResolveWithoutSource(t *testing.T) {
	s := nstest.New(t)
	peer := nstest.New(t)
	nstest.Join(t, s, "br0", peer, "s0")
	s.Enter(t, func() {
		link := s.Link(t, "br0")
		dst, _ := netlink.ParseIPNet("10.201.0.0/24")
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}); err != nil {
			t.Fatal(err)
		}
		way := open(t).Resolve([]netip.Addr{addr("10.201.0.11")}, []string{"br0"})[0]
		if way.Err == nil || !strings.Contains(way.Err.Error(), "no address to send from") {
			t.Errorf("%+v", way)
		}
	})
}

func TestLinks(t *testing.T) {
	director, server, table := pair(t)
	links := func() map[string]Link {
		t.Helper()
		l, err := table.Links([]string{"d0", "br0", "br9"})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var index int
	director.Enter(t, func() { index = director.Link(t, "br0").Attrs().Index })
	if got, want := links()["br0"], (Link{index, true, 1500}); len(links()) != 2 || got != want {
		t.Errorf("%+v, want br0 as %+v and no br9", links(), want)
	}
	server.Enter(t, func() {
		if err := netlink.LinkSetDown(server.Link(t, "s0")); err != nil {
			t.Fatal(err)
		}
	})
	for end := time.Now().Add(patience); links()["br0"].Up; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("up without a carrier: %+v", links())
		}
	}
	director.Enter(t, func() {
		if err := netlink.LinkDel(director.Link(t, "br0")); err != nil {
			t.Fatal(err)
		}
	})
	if _, ok := links()["br0"]; ok {
		t.Error("br0 is deleted, but still listed")
	}
}
