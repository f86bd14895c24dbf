package reset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// ErrSilent says that no ICMP error may be sent about the packet.
var ErrSilent = errors.New("no ICMP error may be sent about it")

// Lengths and limits of the messages.
const (
	icmpLen     = 8
	minQuoted   = 8    // octets beyond the IP header that RFC 792 asks for
	ipv4MaxLen  = 576  // of the whole message: RFC 1812, 4.3.2.3
	ipv6MaxLen  = 1280 // RFC 4443, 2.4 (c)
	ipv4MinMTU  = 68   // RFC 791, 3.2
	ipv6MinMTU  = 1280 // RFC 8200, 5; less is ignored by hosts (RFC 8201, 4)
	ipv4MaxMTU  = 1<<16 - 1
	unreachable = 3 // type of ICMP
	needsFrag   = 4 // its code: RFC 1191, 4
	tooBig6     = 2 // type of ICMPv6: RFC 4443, 3.2
)

// Oversize is a packet that is too large for its way.
type Oversize struct {
	Head    []byte     // its beginning, from the IP header on; longer is quoted to the RFCs' limits
	MTU     int        // bytes, of the way
	Ifindex int        // where it came in; needed for link-local senders only
	Source  netip.Addr // who says so; unset: the packet's destination
}

// build returns the message and whom it goes to. It is about IPv4 packets
// without DF, too: it is the only way to have their sender make them fit.
func (o Oversize) build() ([]byte, netip.Addr, error) {
	q, err := parse(o.Head)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	from := o.Source.Unmap()
	if !o.Source.IsValid() {
		from = q.to
	}
	if !unicast(q.from) || !unicast(q.to) || !unicast(from) || from.Is4() != q.from.Is4() {
		return nil, netip.Addr{}, fmt.Errorf("packet from %v to %v, answer from %v: %w", q.from, q.to, from, ErrSilent)
	}
	return buildTooBig(from, q, o.MTU), q.from, nil
}

func buildTooBig(from netip.Addr, q quote, mtu int) []byte {
	buf := appendIP(nil, from, q.from, q.kind.icmp, icmpLen+len(q.head))
	at := len(buf)
	buf = append(buf, q.kind.typ, q.kind.code, 0, 0)
	buf = binary.BigEndian.AppendUint32(buf, uint32(min(max(mtu, q.kind.minMTU), q.kind.maxMTU)))
	buf = append(buf, q.head...)
	sum := partial(buf[at:])
	if q.kind.pseudo {
		sum += pseudo(from, q.from, q.kind.icmp, icmpLen+len(q.head))
	}
	binary.BigEndian.PutUint16(buf[at+2:], fold(sum))
	return buf
}

// family is what differs in the messages of IPv4 and IPv6.
type family struct {
	icmp, typ, code uint8
	pseudo          bool // the checksum covers a pseudo header
	minMTU, maxMTU  int
	maxQuote        int
}

var (
	family4 = family{protoICMPv4, unreachable, needsFrag, false, ipv4MinMTU, ipv4MaxMTU, ipv4MaxLen - ipv4Len - icmpLen}
	family6 = family{protoICMPv6, tooBig6, 0, true, ipv6MinMTU, 1<<32 - 1, ipv6MaxLen - ipv6Len - icmpLen}
)

// quote is the packet that a message is about.
type quote struct {
	kind     *family
	from, to netip.Addr
	head     []byte // what is quoted of it
}
