package reset

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// IANA protocol numbers.
const (
	protoICMPv4 = 1
	protoTCP    = 6
	protoICMPv6 = 58
)

const (
	hops          = 64 // TTL or hop limit
	ipv4Len       = 20
	ipv6Len       = 40
	tcpLen        = 20
	tcpRST        = 0x04
	ipv4DF        = 0x4000
	ipv4Offset    = 0x1fff
	tcpDataOffset = tcpLen / 4 << 4
)

// buildRST appends a TCP reset to buf. It has no ACK: a receiver that is not
// in SYN-SENT looks at the sequence number alone, which must be exactly what
// it expects next (RFC 9293, 3.10.7.4), and no time stamp: RFC 7323, 3.2 asks
// for none in a reset.
func buildRST(buf []byte, from, to netip.AddrPort, seq uint32) []byte {
	buf = appendIP(buf, from.Addr(), to.Addr(), protoTCP, tcpLen)
	at := len(buf)
	buf = binary.BigEndian.AppendUint16(buf, from.Port())
	buf = binary.BigEndian.AppendUint16(buf, to.Port())
	buf = binary.BigEndian.AppendUint32(buf, seq)
	buf = append(buf, 0, 0, 0, 0, tcpDataOffset, tcpRST, 0, 0, 0, 0, 0, 0)
	sum := pseudo(from.Addr(), to.Addr(), protoTCP, tcpLen) + partial(buf[at:])
	binary.BigEndian.PutUint16(buf[at+16:], fold(sum))
	return buf
}

// appendIP appends the header of an atomic packet (RFC 6864, 4) of either
// family.
func appendIP(buf []byte, from, to netip.Addr, proto uint8, payload int) []byte {
	at := len(buf)
	if from.Is4() {
		buf = append(buf, 4<<4|ipv4Len/4, 0)
		buf = binary.BigEndian.AppendUint16(buf, uint16(ipv4Len+payload))
		buf = append(buf, 0, 0, ipv4DF>>8, 0, hops, proto, 0, 0)
	} else {
		buf = append(buf, 6<<4, 0, 0, 0)
		buf = binary.BigEndian.AppendUint16(buf, uint16(payload))
		buf = append(buf, proto, hops)
	}
	buf = append(buf, from.AsSlice()...)
	buf = append(buf, to.AsSlice()...)
	if from.Is4() {
		binary.BigEndian.PutUint16(buf[at+10:], fold(partial(buf[at:])))
	}
	return buf
}

// pseudo is the sum over the pseudo header, which adds up alike for both
// families (RFC 9293, 3.1; RFC 8200, 8.1).
func pseudo(from, to netip.Addr, proto uint8, length int) uint64 {
	return partial(from.AsSlice()) + partial(to.AsSlice()) + uint64(proto) + uint64(length)
}

// partial is the sum of RFC 1071 before it is folded.
func partial(b []byte) (sum uint64) {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) > 0 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// ends checks a packet's addresses and takes IPv4 out of IPv6.
func ends(from, to netip.AddrPort) (netip.AddrPort, netip.AddrPort, error) {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !unicast(from.Addr()) || !unicast(to.Addr()) || from.Addr().Is4() != to.Addr().Is4() {
		return from, to, fmt.Errorf("reset from %v to %v: not two unicast addresses of one family", from, to)
	}
	return from, to, nil
}

// unicast says whether a can be one station's address on a network: RFC 1812,
// 4.3.2.7 and RFC 4443, 2.4 (e) forbid errors to any other.
func unicast(a netip.Addr) bool {
	reserved := a.Is4() && a.As4()[0] >= 240 // RFC 1112, 4, and the limited broadcast
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !reserved
}
