package bpftest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

const fragmentHeader = 44

// Parse describes a frame. It fails where Check fails, and follows no IPv6
// extension header but a fragment's.
func Parse(frame []byte) (Packet, error) {
	if err := Check(frame); err != nil {
		return Packet{}, err
	}
	if kind := binary.BigEndian.Uint16(frame[12:]); kind != 0x0800 && kind != 0x86dd {
		return Packet{}, fmt.Errorf("EtherType %#04x is not IP", kind)
	}
	b := frame[EthernetLen:]
	var p Packet
	var body []byte
	switch b[0] >> 4 {
	case 4:
		p, body = parseIPv4(b)
	case 6:
		p, body = parseIPv6(b)
	}
	return p, p.parseTransport(body)
}

func parseIPv4(b []byte) (Packet, []byte) {
	head, total := int(b[0]&15)*4, binary.BigEndian.Uint16(b[2:])
	p := Packet{TOS: b[1], TTL: b[8], Proto: b[9], ID: binary.BigEndian.Uint16(b[4:]), Fragment: binary.BigEndian.Uint16(b[6:])}
	if head > ipv4Len {
		p.IPOptions = b[ipv4Len:head]
	}
	p.Bare = p.Fragment&0x1fff != 0
	p.addresses(b[12:16], b[16:20])
	return p, b[head:total]
}

func parseIPv6(b []byte) (Packet, []byte) {
	first := binary.BigEndian.Uint32(b)
	p := Packet{TOS: uint8(first >> 20), Label: first & 0xfffff, Proto: b[6], TTL: b[7]}
	p.addresses(b[8:24], b[24:40])
	body := b[ipv6Len : ipv6Len+int(binary.BigEndian.Uint16(b[4:]))]
	if p.Proto == fragmentHeader && len(body) >= 8 {
		p.Next, p.Proto, p.Extensions, body = fragmentHeader, body[0], body[:8], body[8:]
		p.Bare = binary.BigEndian.Uint16(p.Extensions[2:])&0xfff8 != 0
	}
	return p, body
}

func (p *Packet) addresses(src, dst []byte) {
	s, _ := netip.AddrFromSlice(src)
	d, _ := netip.AddrFromSlice(dst)
	p.Src, p.Dst = netip.AddrPortFrom(s, 0), netip.AddrPortFrom(d, 0)
}

func (p *Packet) parseTransport(b []byte) error {
	if p.Bare {
		p.Payload = some(b)
		return nil
	}
	switch p.Proto {
	case TCP:
		if len(b) < tcpLen || int(b[12]>>4)*4 > len(b) {
			return errors.New("TCP header cut off")
		}
		p.parsePorts(b)
		p.Seq, p.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		p.Flags, p.Window, p.Urgent = b[13], binary.BigEndian.Uint16(b[14:]), binary.BigEndian.Uint16(b[18:])
		head := int(b[12]>>4) * 4
		p.Options, p.Payload = some(b[tcpLen:head]), some(b[head:])
	case UDP:
		if len(b) < udpLen {
			return errors.New("UDP header cut off")
		}
		p.parsePorts(b)
		p.NoChecksum = binary.BigEndian.Uint16(b[6:]) == 0
		p.Payload = some(b[udpLen:])
	case ICMP, ICMPv6:
		if len(b) < icmpLen {
			return errors.New("ICMP header cut off")
		}
		p.Type, p.Code, p.Rest = b[0], b[1], binary.BigEndian.Uint32(b[4:])
		p.Payload = some(b[icmpLen:])
	default:
		p.Payload = some(b)
	}
	return nil
}

func (p *Packet) parsePorts(b []byte) {
	p.Src = netip.AddrPortFrom(p.Src.Addr(), binary.BigEndian.Uint16(b))
	p.Dst = netip.AddrPortFrom(p.Dst.Addr(), binary.BigEndian.Uint16(b[2:]))
}

func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// String tells what matters of a packet in a failed test.
func (p Packet) String() string {
	s := fmt.Sprintf("%v > %v ttl %d tos %#x", p.Src, p.Dst, p.TTL, p.TOS)
	switch p.Proto {
	case TCP:
		s += fmt.Sprintf(" TCP %s seq %d ack %d win %d options %x", flagNames(p.Flags), p.Seq, p.Ack, p.Window, p.Options)
	case UDP:
		s += " UDP"
	case ICMP, ICMPv6:
		s += fmt.Sprintf(" ICMP type %d code %d rest %#x", p.Type, p.Code, p.Rest)
	default:
		s += fmt.Sprintf(" protocol %d", p.Proto)
	}
	return s + fmt.Sprintf(" payload %x", p.Payload)
}

func flagNames(flags uint8) string {
	s := ""
	for i, name := range "FSRPAU" {
		if flags&(1<<i) != 0 {
			s += string(name)
		}
	}
	return s
}
