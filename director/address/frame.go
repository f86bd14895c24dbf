package address

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// family is how a network layer finds its neighbours.
type family struct {
	ethertype uint16
	// announce tells everybody on the link who has an address.
	announce func(mac net.HardwareAddr, addr netip.Addr) [][]byte
	// ask asks who has an address, without claiming it.
	ask func(mac net.HardwareAddr, addr netip.Addr) []byte
	// answers lets frames through that may be an answer.
	answers []bpf.Instruction
	// owner reads an answer: who has the address.
	owner func(frame []byte, addr netip.Addr) (net.HardwareAddr, bool)
}

func familyOf(addr netip.Addr) family {
	if addr.Is4() {
		return family{unix.ETH_P_ARP, announceARP, askARP, answersARP(), ownerARP}
	}
	return family{unix.ETH_P_IPV6, announceND, askND, answersND(), ownerND}
}

const etherLen = 14

func ethernet(to, from net.HardwareAddr, ethertype uint16) []byte {
	frame := append(bytes.Clone(to), from...)
	return binary.BigEndian.AppendUint16(frame, ethertype)
}

// ARP (RFC 826).
const (
	arpLen     = 28
	arpRequest = 1
	arpReply   = 2
)

func broadcast() net.HardwareAddr { return bytes.Repeat([]byte{0xff}, 6) }

func arp(op uint16, mac net.HardwareAddr, sender netip.Addr, targetMAC net.HardwareAddr, target netip.Addr) []byte {
	frame := ethernet(broadcast(), mac, unix.ETH_P_ARP)
	frame = append(frame, 0, 1, 8, 0, 6, 4) // Ethernet and IPv4, and their lengths
	frame = binary.BigEndian.AppendUint16(frame, op)
	frame = append(append(frame, mac...), sender.AsSlice()...)
	return append(append(frame, targetMAC...), target.AsSlice()...)
}

// announceARP does so by a request, as RFC 5227, 3 advises, and by a reply,
// for stations that learn from replies only (RFC 5944, 4.6).
func announceARP(mac net.HardwareAddr, addr netip.Addr) [][]byte {
	return [][]byte{
		arp(arpRequest, mac, addr, make([]byte, 6), addr),
		arp(arpReply, mac, addr, mac, addr),
	}
}

// askARP is an ARP probe (RFC 5227, 1.1): without a sender, so that it spoils
// nobody's cache.
func askARP(mac net.HardwareAddr, addr netip.Addr) []byte {
	return arp(arpRequest, mac, netip.IPv4Unspecified(), make([]byte, 6), addr)
}

func answersARP() []bpf.Instruction {
	return []bpf.Instruction{bpf.RetConstant{Val: 1 << 16}}
}

// ownerARP takes any packet that the owner sends (RFC 5227, 2.1.1), but not
// another's probe: switches that track stations probe without wanting it.
func ownerARP(frame []byte, addr netip.Addr) (net.HardwareAddr, bool) {
	if len(frame) < etherLen+arpLen {
		return nil, false
	}
	p := frame[etherLen:]
	known := bytes.HasPrefix(p, []byte{0, 1, 8, 0, 6, 4})
	return p[8:14], known && bytes.Equal(p[14:18], addr.AsSlice())
}

// Neighbour discovery (RFC 4861, 4.3 and 4.4).
const (
	ipv6Len      = 40
	ndLen        = 24
	ndHops       = 255 // proves that no router was on the way
	ndOverride   = 0x20
	ndTargetMAC  = 2 // option
	nextICMPv6   = 58
	ndAdvertises = 136
)

func nd(to net.HardwareAddr, from net.HardwareAddr, source, destination netip.Addr, kind ipv6.ICMPType, body []byte) []byte {
	m := icmp.Message{Type: kind, Body: &icmp.RawBody{Data: body}}
	packet, _ := m.Marshal(icmp.IPv6PseudoHeader(source.AsSlice(), destination.AsSlice())) // a raw body cannot fail
	frame := append(ethernet(to, from, unix.ETH_P_IPV6), 6<<4, 0, 0, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(packet)))
	frame = append(frame, nextICMPv6, ndHops)
	frame = append(append(frame, source.AsSlice()...), destination.AsSlice()...)
	return append(frame, packet...)
}

// announceND is an unsolicited advertisement (RFC 4861, 7.2.6). It overrides,
// and does not say that this is a router: routers are known by link-local
// addresses.
func announceND(mac net.HardwareAddr, addr netip.Addr) [][]byte {
	all := netip.IPv6LinkLocalAllNodes()
	body := append([]byte{ndOverride, 0, 0, 0}, addr.AsSlice()...)
	body = append(append(body, ndTargetMAC, 1), mac...)
	return [][]byte{nd(group(all), mac, addr, all, ipv6.ICMPTypeNeighborAdvertisement, body)}
}

// askND is the solicitation of duplicate address detection (RFC 4862, 5.4.2).
func askND(mac net.HardwareAddr, addr netip.Addr) []byte {
	a := addr.As16()
	solicited := netip.MustParseAddr("ff02::1:ff00:0").As16()
	copy(solicited[13:], a[13:])
	to := netip.AddrFrom16(solicited)
	body := append(make([]byte, 4), a[:]...)
	return nd(group(to), mac, netip.IPv6Unspecified(), to, ipv6.ICMPTypeNeighborSolicitation, body)
}

// group is the Ethernet address of a multicast group (RFC 2464, 7).
func group(a netip.Addr) net.HardwareAddr {
	return append(net.HardwareAddr{0x33, 0x33}, a.AsSlice()[12:]...)
}

// answersND keeps a director's traffic out of the socket.
func answersND() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherLen + 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nextICMPv6, SkipTrue: 3},
		bpf.LoadAbsolute{Off: etherLen + ipv6Len, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: ndAdvertises, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// ownerND returns who sent an advertisement of the address.
func ownerND(frame []byte, addr netip.Addr) (net.HardwareAddr, bool) {
	if len(frame) < etherLen+ipv6Len+ndLen {
		return nil, false
	}
	ip, m := frame[etherLen:], frame[etherLen+ipv6Len:]
	known := ip[6] == nextICMPv6 && ip[7] == ndHops && m[0] == ndAdvertises
	return frame[6:12], known && bytes.Equal(m[8:24], addr.AsSlice())
}
