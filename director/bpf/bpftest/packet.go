// Package bpftest runs the datapath on packets by BPF_PROG_TEST_RUN: it builds
// frames, loads the program with small maps, and tells what came out and what
// was counted.
package bpftest

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers. ICMP stands for ICMPv6 too where a Packet is IPv6.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// TCP flags, RFC 9293.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

// Lengths of headers without options.
const (
	EthernetLen = 14
	ipv4Len     = 20
	ipv6Len     = 40
	tcpLen      = 20
	udpLen      = 8
	icmpLen     = 8
)

// DF is "don't fragment" in Packet.Fragment, MF "more fragments".
const (
	DF = 0x4000
	MF = 0x2000
)

// Packet describes a frame. The family is that of its addresses; fields that
// do not belong to its family and protocol are ignored.
type Packet struct {
	Src, Dst netip.AddrPort
	Proto    uint8
	TTL, TOS uint8 // hop limit and traffic class in IPv6

	ID, Fragment uint16 // IPv4: identification; flags and offset
	IPOptions    []byte // IPv4, a multiple of four
	Label        uint32 // IPv6 flow label
	Next         uint8  // IPv6: the first header of Extensions
	Extensions   []byte // IPv6: raw headers before the transport's
	Bare         bool   // Payload follows IP without a transport header

	Seq, Ack uint32 // TCP
	Flags    uint8
	Window   uint16
	Urgent   uint16
	Options  []byte // a multiple of four

	NoChecksum bool // UDP over IPv4: 0, RFC 768

	Type, Code uint8  // ICMP
	Rest       uint32 // bytes 4 to 7 of ICMP: id and sequence, or MTU

	Payload []byte
}

// Segment describes a TCP segment with a window that is worth keeping.
func Segment(src, dst netip.AddrPort, flags uint8, seq, ack uint32, payload string) Packet {
	p := plain(src, dst, TCP)
	p.Flags, p.Seq, p.Ack, p.Window, p.Payload = flags, seq, ack, 0x7210, []byte(payload)
	return p
}

// Datagram describes a UDP datagram.
func Datagram(src, dst netip.AddrPort, payload string) Packet {
	p := plain(src, dst, UDP)
	p.Payload = []byte(payload)
	return p
}

// Message describes an ICMP message of the family of its addresses.
func Message(src, dst netip.Addr, kind, code uint8, rest uint32, payload []byte) Packet {
	p := plain(netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0), ICMP)
	p.Type, p.Code, p.Rest, p.Payload = kind, code, rest, payload
	return p
}

func plain(src, dst netip.AddrPort, proto uint8) Packet {
	if proto == ICMP && src.Addr().Is6() {
		proto = ICMPv6
	}
	return Packet{Src: src, Dst: dst, Proto: proto, TTL: 64, TOS: 0x28, ID: 0x1234, Fragment: DF, Label: 0x54321}
}

// Is4 tells the family.
func (p Packet) Is4() bool { return p.Src.Addr().Is4() }

// Quote is what an ICMP error tells of the packet: its IP header and the first
// n bytes after it, or all if n is negative.
func (p Packet) Quote(n int) []byte {
	b := p.IP()
	head := len(b) - len(p.transport())
	if n < 0 || head+n > len(b) {
		return b
	}
	return b[:head+n]
}

// Bytes is the frame with right checksums. It is addressed to the loopback
// interface, as one that the kernel runs programs on must be to be for the host.
func (p Packet) Bytes() []byte {
	frame := []byte{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0x86, 0xdd}
	if p.Is4() {
		frame[12], frame[13] = 0x08, 0x00
	}
	return append(frame, p.IP()...)
}

// IP is the packet from its IP header on.
func (p Packet) IP() []byte {
	body := p.transport()
	if p.Is4() {
		return append(p.ipv4(len(body)), body...)
	}
	return append(p.ipv6(len(body)), body...)
}

func (p Packet) ipv4(body int) []byte {
	h := make([]byte, ipv4Len, ipv4Len+len(p.IPOptions)+body)
	h = append(h, p.IPOptions...)
	h[0] = 0x40 | byte(len(h)/4)
	h[1] = p.TOS
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+body))
	binary.BigEndian.PutUint16(h[4:], p.ID)
	binary.BigEndian.PutUint16(h[6:], p.Fragment)
	h[8], h[9] = p.TTL, p.Proto
	copy(h[12:], p.Src.Addr().AsSlice())
	copy(h[16:], p.Dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return h
}

func (p Packet) ipv6(body int) []byte {
	h := make([]byte, ipv6Len, ipv6Len+len(p.Extensions)+body)
	binary.BigEndian.PutUint32(h, 6<<28|uint32(p.TOS)<<20|p.Label)
	binary.BigEndian.PutUint16(h[4:], uint16(len(p.Extensions)+body))
	h[6], h[7] = p.Proto, p.TTL
	if len(p.Extensions) > 0 {
		h[6] = p.Next
	}
	copy(h[8:], p.Src.Addr().AsSlice())
	copy(h[24:], p.Dst.Addr().AsSlice())
	return append(h, p.Extensions...)
}

func (p Packet) transport() []byte {
	if p.Bare {
		return p.Payload
	}
	switch p.Proto {
	case TCP:
		return p.tcp()
	case UDP:
		return p.udp()
	case ICMP, ICMPv6:
		return p.icmp()
	}
	return p.Payload
}

func (p Packet) tcp() []byte {
	b := make([]byte, tcpLen)
	p.ports(b)
	binary.BigEndian.PutUint32(b[4:], p.Seq)
	binary.BigEndian.PutUint32(b[8:], p.Ack)
	b[12], b[13] = byte((tcpLen+len(p.Options))/4)<<4, p.Flags
	binary.BigEndian.PutUint16(b[14:], p.Window)
	binary.BigEndian.PutUint16(b[18:], p.Urgent)
	b = append(append(b, p.Options...), p.Payload...)
	binary.BigEndian.PutUint16(b[16:], checksum(p.pseudo(len(b)), b))
	return b
}

func (p Packet) udp() []byte {
	b := make([]byte, udpLen)
	p.ports(b)
	binary.BigEndian.PutUint16(b[4:], uint16(udpLen+len(p.Payload)))
	b = append(b, p.Payload...)
	if p.NoChecksum {
		return b
	}
	sum := checksum(p.pseudo(len(b)), b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

func (p Packet) icmp() []byte {
	b := make([]byte, icmpLen)
	b[0], b[1] = p.Type, p.Code
	binary.BigEndian.PutUint32(b[4:], p.Rest)
	b = append(b, p.Payload...)
	if p.Proto == ICMP {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	} else {
		binary.BigEndian.PutUint16(b[2:], checksum(p.pseudo(len(b)), b))
	}
	return b
}

func (p Packet) ports(b []byte) {
	binary.BigEndian.PutUint16(b, p.Src.Port())
	binary.BigEndian.PutUint16(b[2:], p.Dst.Port())
}

// pseudo is the pseudo-header of RFC 9293, 3.1 and RFC 8200, 8.1.
func (p Packet) pseudo(length int) []byte {
	b := append(p.Src.Addr().AsSlice(), p.Dst.Addr().AsSlice()...)
	if p.Is4() {
		return append(b, 0, p.Proto, byte(length>>8), byte(length))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return append(b, 0, 0, 0, p.Proto)
}

// checksum is that of RFC 1071 over parts, all but the last of even length.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for len(b) >= 2 {
			sum += uint32(b[0])<<8 | uint32(b[1])
			b = b[2:]
		}
		if len(b) == 1 {
			sum += uint32(b[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
