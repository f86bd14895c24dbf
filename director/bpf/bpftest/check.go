package bpftest

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// covered is a checksum in a frame and what it is over.
type covered struct {
	what   string
	pseudo []byte
	data   []byte
	at     int // of the checksum in data
	zero   zero
}

// zero is what a checksum of 0 means: RFC 768, RFC 8200 8.1.
type zero int

const (
	zeroIsSum zero = iota
	zeroIsNone
	zeroIsWrong
)

// Check recomputes every checksum of a frame from all bytes that it covers,
// those of a quoted packet too where the quote is whole. It fails on lengths
// that contradict each other. It knows nothing of how Packet builds a frame.
func Check(frame []byte) error {
	all, err := sums(frame)
	if err != nil {
		return err
	}
	for _, c := range all {
		got := binary.BigEndian.Uint16(c.data[c.at:])
		if got == 0 && c.zero == zeroIsNone {
			continue
		}
		if got == 0 && c.zero == zeroIsWrong {
			return fmt.Errorf("%s without a checksum", c.what)
		}
		if residue(c.pseudo, c.data) != 0 {
			return fmt.Errorf("checksum %#04x of %s is wrong by %#04x", got, c.what, residue(c.pseudo, c.data))
		}
	}
	return nil
}

// Repair sets every checksum that Check looks at, and tells whether it could.
func Repair(frame []byte) bool {
	all, err := sums(frame)
	if err != nil {
		return false
	}
	for i := len(all) - 1; i >= 0; i-- { // a quoted packet before its quote
		c := all[i]
		if binary.BigEndian.Uint16(c.data[c.at:]) == 0 && c.zero == zeroIsNone {
			continue
		}
		binary.BigEndian.PutUint16(c.data[c.at:], 0)
		sum := 0xffff - residue(c.pseudo, c.data)
		if sum == 0 && c.zero != zeroIsSum {
			sum = 0xffff
		}
		binary.BigEndian.PutUint16(c.data[c.at:], sum)
	}
	return true
}

// residue is the parts, one after the other, as a number of base 2^16, modulo
// 2^16-1: what RFC 1071's sum is, up to its two zeros.
func residue(parts ...[]byte) uint16 {
	var columns [2]uint64
	for _, b := range parts {
		for i, v := range b {
			columns[i&1] += uint64(v)
		}
	}
	return uint16((columns[0]*256 + columns[1]) % 0xffff)
}

func sums(frame []byte) ([]covered, error) {
	if len(frame) < EthernetLen {
		return nil, errors.New("shorter than an Ethernet header")
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800, 0x86dd:
		return ipSums(frame[EthernetLen:], false)
	}
	return nil, nil
}

func ipSums(b []byte, quoted bool) ([]covered, error) {
	switch {
	case len(b) > 0 && b[0]>>4 == 4:
		return ipv4Sums(b, quoted)
	case len(b) > 0 && b[0]>>4 == 6:
		return ipv6Sums(b, quoted)
	}
	return nil, errors.New("neither IPv4 nor IPv6")
}

func ipv4Sums(b []byte, quoted bool) ([]covered, error) {
	if len(b) < ipv4Len {
		return nil, errors.New("IPv4 header cut off")
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if head < ipv4Len || head > len(b) || total < head || total > len(b) && !quoted {
		return nil, fmt.Errorf("IPv4 header of %d bytes, total length %d, %d there", head, total, len(b))
	}
	all := []covered{{what: "IPv4", data: b[:head], at: 10}}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // a fragment's checksum is over the whole
		return all, nil
	}
	body := b[head:min(total, len(b))]
	pseudo := append([]byte{}, b[12:20]...)
	pseudo = append(pseudo, 0, b[9], byte((total-head)>>8), byte(total-head))
	more, err := transportSums(b[9], pseudo, body, total > len(b), "IPv4")
	return append(all, more...), err
}

func ipv6Sums(b []byte, quoted bool) ([]covered, error) {
	if len(b) < ipv6Len {
		return nil, errors.New("IPv6 header cut off")
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if ipv6Len+length > len(b) && !quoted {
		return nil, fmt.Errorf("IPv6 payload length %d, %d there", length, len(b)-ipv6Len)
	}
	body := b[ipv6Len:min(ipv6Len+length, len(b))]
	pseudo := append([]byte{}, b[8:40]...)
	pseudo = append(pseudo, 0, 0, byte(length>>8), byte(length), 0, 0, 0, b[6])
	return transportSums(b[6], pseudo, body, ipv6Len+length > len(b), "IPv6")
}

func transportSums(proto uint8, pseudo, body []byte, cut bool, over string) ([]covered, error) {
	if cut {
		return nil, nil
	}
	switch proto {
	case TCP:
		return tcpSums(pseudo, body, over)
	case UDP:
		return udpSums(pseudo, body, over)
	case ICMP, ICMPv6:
		if (proto == ICMP) != (over == "IPv4") {
			return nil, nil
		}
		return icmpSums(proto, pseudo, body)
	}
	return nil, nil
}

func tcpSums(pseudo, body []byte, over string) ([]covered, error) {
	if len(body) < tcpLen {
		return nil, errors.New("TCP header cut off")
	}
	if head := int(body[12]>>4) * 4; head < tcpLen || head > len(body) {
		return nil, fmt.Errorf("TCP header of %d bytes, %d there", head, len(body))
	}
	return []covered{{what: "TCP over " + over, pseudo: pseudo, data: body, at: 16}}, nil
}

func udpSums(pseudo, body []byte, over string) ([]covered, error) {
	if len(body) < udpLen {
		return nil, errors.New("UDP header cut off")
	}
	if n := int(binary.BigEndian.Uint16(body[4:])); n != len(body) {
		return nil, fmt.Errorf("UDP length %d, %d there", n, len(body))
	}
	c := covered{what: "UDP over " + over, pseudo: pseudo, data: body, at: 6, zero: zeroIsNone}
	if over == "IPv6" {
		c.zero = zeroIsWrong
	}
	return []covered{c}, nil
}

func icmpSums(proto uint8, pseudo, body []byte) ([]covered, error) {
	if len(body) < icmpLen {
		return nil, errors.New("ICMP header cut off")
	}
	c := covered{what: "ICMP", data: body, at: 2}
	if proto == ICMPv6 {
		c.pseudo = pseudo
	}
	if !isError(proto, body[0]) {
		return []covered{c}, nil
	}
	quoted, err := ipSums(body[icmpLen:], true)
	for i := range quoted {
		quoted[i].what = "quoted " + quoted[i].what
	}
	return append([]covered{c}, quoted...), err
}

// isError tells the messages that quote a packet: RFC 792, RFC 4443.
func isError(proto, kind uint8) bool {
	if proto == ICMPv6 {
		return kind < 128
	}
	switch kind {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}
