package bpftest

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

var (
	alice4 = netip.MustParseAddrPort("192.0.2.10:40000")
	bob4   = netip.MustParseAddrPort("198.51.100.1:80")
	alice6 = netip.MustParseAddrPort("[2001:db8:1::10]:40000")
	bob6   = netip.MustParseAddrPort("[2001:db8:2::1]:80")
)

func TestChecksumOfRFC1071(t *testing.T) {
	// RFC 1071, 3: the sum of these bytes is ddf2.
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("checksum %#x, want %#x", got, ^uint16(0xddf2))
	}
	if got := residue([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != 0xddf2 {
		t.Errorf("residue %#x, want 0xddf2", got)
	}
}

// A header whose checksum, b861, is published as an example.
func TestChecksumOfAKnownHeader(t *testing.T) {
	header := []byte("\x45\x00\x00\x73\x00\x00\x40\x00\x40\x11\xb8\x61\xc0\xa8\x00\x01\xc0\xa8\x00\xc7")
	if got := residue(header); got != 0 {
		t.Errorf("residue %#x with the checksum, want 0", got)
	}
	header[10], header[11] = 0, 0
	if got := checksum(header); got != 0xb861 {
		t.Errorf("checksum %#x, want 0xb861", got)
	}
}

func packets() map[string]Packet {
	quoted4 := Segment(bob4, alice4, ACK, 7, 8, "some data")
	quoted6 := Datagram(bob6, alice6, "odd")
	syn := Segment(alice4, bob4, SYN, 1, 0, "")
	syn.Options = []byte{2, 4, 5, 0xb4}
	plainUDP := Datagram(alice4, bob4, "123")
	plainUDP.NoChecksum = true
	optioned := syn
	optioned.IPOptions = []byte{1, 1, 1, 0}
	return map[string]Packet{
		"TCP over IPv4":             syn,
		"TCP over IPv6":             Segment(alice6, bob6, ACK|PSH, 1<<31, 5, "payload"),
		"UDP over IPv4":             Datagram(alice4, bob4, "payload"),
		"UDP without a checksum":    plainUDP,
		"UDP over IPv6":             Datagram(alice6, bob6, "payload"),
		"IPv4 options":              optioned,
		"echo":                      Message(alice4.Addr(), bob4.Addr(), 8, 0, 1<<16|1, []byte("ping")),
		"echo over IPv6":            Message(alice6.Addr(), bob6.Addr(), 128, 0, 1<<16|1, []byte("ping")),
		"error with a whole quote":  Message(alice4.Addr(), bob4.Addr(), 3, 1, 0, quoted4.Quote(-1)),
		"error with a short quote":  Message(alice4.Addr(), bob4.Addr(), 3, 3, 0, quoted4.Quote(8)),
		"ICMPv6 error, whole quote": Message(alice6.Addr(), bob6.Addr(), 1, 4, 0, quoted6.Quote(-1)),
	}
}

func TestCheckAcceptsWhatIsBuilt(t *testing.T) {
	for name, p := range packets() {
		t.Run(name, func(t *testing.T) {
			frame := p.Bytes()
			if err := Check(frame); err != nil {
				t.Fatal(err)
			}
			parsed, err := Parse(frame)
			if err != nil {
				t.Fatal(err)
			}
			if again := parsed.Bytes(); !bytes.Equal(again, frame) {
				t.Errorf("parsed and built again:\n%x\nwant\n%x", again, frame)
			}
		})
	}
}

// Every covered byte that changes makes Check fail, and Repair mends it.
func TestCheckSeesEveryChangedByte(t *testing.T) {
	for name, p := range packets() {
		t.Run(name, func(t *testing.T) {
			for i := EthernetLen; i < len(p.Bytes()); i++ {
				frame := p.Bytes()
				frame[i] ^= 0x10
				err := Check(frame)
				if err == nil && !uncovered(p, i-EthernetLen) {
					t.Errorf("byte %d changed and nothing seen", i-EthernetLen)
				}
				if err != nil && strings.Contains(err.Error(), "checksum") && Repair(frame) && Check(frame) != nil {
					t.Errorf("byte %d changed: repaired, and still: %v", i-EthernetLen, Check(frame))
				}
			}
		})
	}
}

// uncovered tells bytes that no checksum is over.
func uncovered(p Packet, i int) bool {
	switch {
	case p.NoChecksum:
		return i >= 20
	case !p.Is4():
		return i < 4 || i == 6 || i == 7 // class and label, next header (another protocol), hop limit
	}
	return i == 9 // another protocol, whose checksum is not known
}
