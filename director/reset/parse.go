package reset

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Types of ICMP messages that are errors, or redirects, which RFC 4443, 2.4
// (e.2) treats alike.
const (
	icmp4Redirect     = 5
	icmp4SourceQuench = 4
	icmp4TimeExceeded = 11
	icmp4Parameter    = 12
	icmp6Informative  = 128 // and above: RFC 4443, 2.1
	icmp6Redirect     = 137
)

// IPv6 extension headers (RFC 8200, 4; RFC 4302).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAH          = 51
	extDestination = 60
)

// parse reads the head of a packet, and refuses what no error may be sent
// about: malformed packets, fragments but the first, and ICMP errors.
func parse(head []byte) (quote, error) {
	if len(head) == 0 {
		return quote{}, fmt.Errorf("packet of 0 bytes: %w", ErrSilent)
	}
	switch head[0] >> 4 {
	case 4:
		return parse4(head)
	case 6:
		return parse6(head)
	}
	return quote{}, fmt.Errorf("packet of IP version %d: %w", head[0]>>4, ErrSilent)
}

func parse4(head []byte) (quote, error) {
	if len(head) < ipv4Len {
		return quote{}, short(head)
	}
	from, _ := netip.AddrFromSlice(head[12:16])
	to, _ := netip.AddrFromSlice(head[16:20])
	q := quote{kind: &family4, from: from, to: to}
	length, upper := int(binary.BigEndian.Uint16(head[2:])), int(head[0]&0xf)*4
	if upper < ipv4Len || length < upper {
		return quote{}, fmt.Errorf("packet from %v with header length %d of %d: %w", from, upper, length, ErrSilent)
	}
	if binary.BigEndian.Uint16(head[6:])&ipv4Offset != 0 {
		return quote{}, later(from)
	}
	return q.cut(head, length, upper, head[9])
}

func parse6(head []byte) (quote, error) {
	if len(head) < ipv6Len {
		return quote{}, short(head)
	}
	from, _ := netip.AddrFromSlice(head[8:24])
	to, _ := netip.AddrFromSlice(head[24:40])
	q := quote{kind: &family6, from: from, to: to}
	length := ipv6Len + int(binary.BigEndian.Uint16(head[4:]))
	if length == ipv6Len {
		length = len(head) // a jumbogram, or one of the kernel's big segments
	}
	upper, proto := ipv6Len, head[6]
	for {
		next := extension(proto, head[upper:])
		if next == 0 {
			break
		}
		if upper+next >= len(head) {
			return quote{}, short(head)
		}
		if proto == extFragment && binary.BigEndian.Uint16(head[upper+2:])&^7 != 0 {
			return quote{}, later(from)
		}
		proto, upper = head[upper], upper+next
	}
	return q.cut(head, length, upper, proto)
}

// extension returns the length of an extension header, or 0 for the upper
// layer. One that is cut short counts whole.
func extension(proto uint8, b []byte) int {
	if len(b) < 2 {
		b = []byte{0, 0}
	}
	switch proto {
	case extHopByHop, extRouting, extDestination:
		return (int(b[1]) + 1) * 8
	case extFragment:
		return 8
	case extAH:
		return (int(b[1]) + 2) * 4
	}
	return 0
}

// cut takes what is quoted of the packet; upper is where the upper layer
// begins, of which the sender needs the first bytes to know the flow.
func (q quote) cut(head []byte, length, upper int, proto uint8) (quote, error) {
	q.head = head[:min(len(head), length, q.kind.maxQuote)]
	if len(q.head) < min(length, upper+minQuoted) || len(q.head) <= upper {
		return quote{}, short(head)
	}
	if proto == q.kind.icmp && isError(proto, q.head[upper]) {
		return quote{}, fmt.Errorf("packet from %v is an ICMP error of type %d: %w", q.from, q.head[upper], ErrSilent)
	}
	return q, nil
}

func isError(proto, typ uint8) bool {
	if proto == protoICMPv6 {
		return typ < icmp6Informative || typ == icmp6Redirect
	}
	switch typ {
	case unreachable, icmp4SourceQuench, icmp4Redirect, icmp4TimeExceeded, icmp4Parameter:
		return true
	}
	return false
}

func short(head []byte) error {
	return fmt.Errorf("%d bytes of the packet do not tell its flow: %w", len(head), ErrSilent)
}

func later(from netip.Addr) error {
	return fmt.Errorf("packet from %v is a fragment, and not the first: %w", from, ErrSilent)
}
