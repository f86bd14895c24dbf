//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/schedule"
)

// family is an address family of the packets.
type family struct {
	name    string
	vip     netip.Addr
	servers string // the first two bytes of their addresses
	clients string
}

var families = []family{
	{"IPv4", netip.MustParseAddr("192.0.2.1"), "10.201.0.0", "10.0.0.0"},
	{"IPv6", netip.MustParseAddr("2001:db8::1"), "2001:db8:201::", "2001:db8:10::"},
}

// nth is an address n behind another, as its last three bytes.
func nth(from string, n int) netip.Addr {
	b := netip.MustParseAddr(from).AsSlice()
	end := b[len(b)-3:]
	end[0], end[1], end[2] = byte(n>>16), byte(n>>8), byte(n)
	a, _ := netip.AddrFromSlice(b) // 4 or 16 bytes
	return a
}

// pool is a VIP's port with servers behind it.
type pool struct {
	family
	scheduler schedule.Kind
	servers   int
	port      uint16
	to        uint16 // port of the servers; 0: the same
}

func (p pool) vip() netip.AddrPort { return netip.AddrPortFrom(p.family.vip, p.port) }

// client is the n-th client's address and port, all different for n below
// 2^24.
func (p pool) client(n int) netip.AddrPort {
	return netip.AddrPortFrom(nth(p.clients, n), uint16(1024+n*7919%60000))
}

// loopback is the interface that BPF_PROG_TEST_RUN lets packets come in by.
const loopback = 1

// put writes the pool into the datapath, every server up and of weight 1.
func (p pool) put(plane *dataplane.Plane) error {
	service, err := plane.PutService(dataplane.Service{
		Name:      fmt.Sprintf("%s-%d", p.name, p.port),
		Scheduler: bpf.DirectorScheduler(p.scheduler), Seed: 1,
		Retry: time.Minute, Silence: time.Minute, Tries: 16,
	})
	if err != nil {
		return err
	}
	var members []schedule.Member
	for i := range p.servers {
		address := nth(p.family.servers, i+1)
		id, err := plane.PutReal(dataplane.Real{
			Service: service, Addr: address, Nexthop: address, Port: p.to,
			Weight: schedule.One, State: bpf.DirectorRealStateREAL_UP, Ifindex: loopback,
		})
		if err != nil {
			return err
		}
		members = append(members, schedule.Member{Key: address.String(), Real: id, Weight: schedule.One})
	}
	table := schedule.Build(p.scheduler, members, 1)
	if err := plane.SetTables(service, table.Members, table.Slots); err != nil {
		return err
	}
	return plane.PutVIPs(service, []dataplane.VIP{{Addr: p.family.vip, Port: p.port, Proto: 6}})
}
