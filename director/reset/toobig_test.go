package reset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
)

// datagram is a UDP packet of n bytes of data; only "ballast" is there of it.
func datagram(from, to netip.AddrPort, n int) []byte {
	b := appendIP(nil, from.Addr(), to.Addr(), 17, 8+n)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+n))
	return append(b, "\x00\x00ballast"...)
}

var (
	client4, vip4 = port("10.200.0.1:40000"), port("10.200.0.100:80")
	client6, vip6 = port("[fd00:200::1]:40000"), port("[fd00:200::100]:80")
)

func TestBuildTooBig(t *testing.T) {
	cases := []struct {
		name     string
		from, to netip.AddrPort
		want     string
	}{
		{"IPv4", client4, vip4, `
			45 00 003f 0000 4000 40 01 24ca 0ac80064 0ac80001
			03 04 b19d 0000 0514
			45 00 058c 0000 4000 40 11 1f6d 0ac80001 0ac80064 9c40 0050 0578 0000 62616c6c617374`},
		{"IPv6", client6, vip6, `
			60000000 003f 3a 40 fd000200000000000000000000000100 fd000200000000000000000000000001
			02 00 3d6a 00000514
			60000000 0578 11 40 fd000200000000000000000000000001 fd000200000000000000000000000100
			9c40 0050 0578 0000 62616c6c617374`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, to, err := Oversize{Head: datagram(c.from, c.to, 1392), MTU: 1300}.build()
			if err != nil || to != c.from.Addr() {
				t.Fatalf("to %v, %v", to, err)
			}
			if want := octets(t, c.want); !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

// TestTooBigAgainstNet compares with golang.org/x/net.
func TestTooBigAgainstNet(t *testing.T) {
	head := datagram(client6, vip6, 1392)
	got, _, err := Oversize{Head: head, MTU: 1400}.build()
	if err != nil {
		t.Fatal(err)
	}
	m := icmp.Message{Type: ipv6.ICMPTypePacketTooBig, Body: &icmp.PacketTooBig{MTU: 1400, Data: head}}
	want, err := m.Marshal(icmp.IPv6PseudoHeader(net.IP(vip6.Addr().AsSlice()), client6.Addr().AsSlice()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[ipv6Len:], want) {
		t.Errorf("got  %x\nwant %x", got[ipv6Len:], want)
	}
}

func TestTooBigMTU(t *testing.T) {
	cases := []struct {
		name     string
		from, to netip.AddrPort
		mtu      int
		want     uint32
	}{
		{"IPv4", client4, vip4, 1400, 1400},
		{"IPv4, below what a link must carry", client4, vip4, 20, 68},
		{"IPv4, beyond the field", client4, vip4, 70_000, 65535},
		{"IPv6", client6, vip6, 1400, 1400},
		{"IPv6, below what a link must carry", client6, vip6, 1200, 1280},
		{"IPv6, large", client6, vip6, 70_000, 70_000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := Oversize{Head: datagram(c.from, c.to, 1392), MTU: c.mtu}.build()
			if err != nil {
				t.Fatal(err)
			}
			at := len(got) - len(datagram(c.from, c.to, 1392)) - 4
			if mtu := binary.BigEndian.Uint32(got[at:]); mtu != c.want {
				t.Errorf("%d, want %d", mtu, c.want)
			}
		})
	}
}

func TestTooBigLength(t *testing.T) {
	for name, c := range map[string]struct {
		from, to netip.AddrPort
		fill     int // bytes of the packet that are known
		want     int // of the message
	}{
		"IPv4, 128 bytes":            {client4, vip4, 128, 20 + 8 + 128},
		"IPv4, the whole packet":     {client4, vip4, 1420, 576},
		"IPv4, with padding behind":  {client4, vip4, 1440, 576},
		"IPv6, 128 bytes":            {client6, vip6, 128, 40 + 8 + 128},
		"IPv6, the whole packet":     {client6, vip6, 1440, 1280},
		"IPv4, just ports and sizes": {client4, vip4, 28, 56},
	} {
		t.Run(name, func(t *testing.T) {
			head := datagram(c.from, c.to, 1392)
			head = append(head, make([]byte, 1440)...)[:c.fill]
			got, _, err := Oversize{Head: head, MTU: 1300}.build()
			if err != nil || len(got) != c.want {
				t.Errorf("%d bytes, want %d: %v", len(got), c.want, err)
			}
		})
	}
	short := append(datagram(client4, vip4, 7), make([]byte, 30)...)
	if got, _, err := (Oversize{Head: short, MTU: 68}).build(); err != nil || len(got) != 20+8+35 {
		t.Errorf("padding was quoted: %x, %v", got, err)
	}
}

func TestTooBigSource(t *testing.T) {
	head := datagram(client4, vip4, 1392)
	got, to, err := Oversize{Head: head, MTU: 1300, Source: netip.MustParseAddr("::ffff:10.200.0.2")}.build()
	if err != nil || to != client4.Addr() || !bytes.Equal(got[12:20], octets(t, "0ac80002 0ac80001")) {
		t.Errorf("%x to %v: %v", got, to, err)
	}
	_, _, err = Oversize{Head: head, MTU: 1300, Source: vip6.Addr()}.build()
	if !errors.Is(err, ErrSilent) {
		t.Errorf("source of the other family: %v", err)
	}
}

// with changes bytes of a packet at an offset.
func with(b []byte, at int, to ...byte) []byte {
	b = slices.Clone(b)
	copy(b[at:], to)
	return b
}

func TestSilent(t *testing.T) {
	v4, v6 := datagram(client4, vip4, 1392), datagram(client6, vip6, 1392)
	ext := func(next byte, header ...byte) []byte { // inserts an extension header
		return slices.Concat(with(v6[:40], 6, next), header, v6[40:])
	}
	pad := []byte{17, 0, 1, 4, 0, 0, 0, 0}
	cases := []struct {
		name   string
		packet []byte
		told   bool
	}{
		{"IPv4", v4, true},
		{"IPv4, TCP", with(v4, 9, 6), true},
		{"IPv4, without DF", with(v4, 6, 0), true},
		{"IPv4, first fragment", with(v4, 6, 0x20, 0), true},
		{"IPv4, other fragment", with(v4, 6, 0x20, 1), false},
		{"IPv4, echo request", with(with(v4, 9, 1), 20, 8), true},
		{"IPv4, unreachable", with(with(v4, 9, 1), 20, 3), false},
		{"IPv4, source quench", with(with(v4, 9, 1), 20, 4), false},
		{"IPv4, redirect", with(with(v4, 9, 1), 20, 5), false},
		{"IPv4, time exceeded", with(with(v4, 9, 1), 20, 11), false},
		{"IPv4, parameter problem", with(with(v4, 9, 1), 20, 12), false},
		{"IPv4, ICMPv6 inside", with(with(v4, 9, 58), 20, 3), true},
		{"IPv4, to a group", with(v4, 16, 224, 0, 0, 1), false},
		{"IPv4, to everybody", with(v4, 16, 255, 255, 255, 255), false},
		{"IPv4, from nobody", with(v4, 12, 0, 0, 0, 0), false},
		{"IPv4, from a group", with(v4, 12, 239, 0, 0, 1), false},
		{"IPv4, from loopback", with(v4, 12, 127, 0, 0, 1), false},
		{"IPv4, from class E", with(v4, 12, 240, 0, 0, 1), false},
		{"IPv4, header length too small", with(v4, 0, 0x44), false},
		{"IPv4, header longer than what is known", with(v4[:30], 0, 0x4f), false},
		{"IPv4, total length below the header's", with(v4, 2, 0, 19), false},
		{"IPv4, cut in the header", v4[:19], false},
		{"IPv4, cut in the ports", v4[:27], false},
		{"IPv6", v6, true},
		{"IPv6, echo request", with(with(v6, 6, 58), 40, 128), true},
		{"IPv6, unreachable", with(with(v6, 6, 58), 40, 1), false},
		{"IPv6, too big", with(with(v6, 6, 58), 40, 2), false},
		{"IPv6, redirect", with(with(v6, 6, 58), 40, 137), false},
		{"IPv6, to a group", with(v6, 24, 0xff, 2), false},
		{"IPv6, from nobody", with(v6, 8, make([]byte, 16)...), false},
		{"IPv6, cut in the header", v6[:39], false},
		{"IPv6, cut in the ports", v6[:47], false},
		{"IPv6, no length", with(v6, 4, 0, 0), true},
		{"IPv6, hop-by-hop", ext(0, pad...), true},
		{"IPv6, destination options", ext(60, pad...), true},
		{"IPv6, error behind hop-by-hop", with(ext(0, with(pad, 0, 58)...), 48, 1), false},
		{"IPv6, options longer than what is known", ext(0, with(pad, 1, 200)...), false},
		{"IPv6, cut in an extension", ext(0, pad...)[:41], false},
		{"IPv6, first fragment", ext(44, 17, 0, 0, 1, 0, 0, 0, 9), true},
		{"IPv6, other fragment", ext(44, 17, 0, 0, 8, 0, 0, 0, 9), false},
		{"IPv6, authentication header", ext(51, 17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), true},
		{"no packet", nil, false},
		{"another version", with(v4, 0, 0x55), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Oversize{Head: c.packet, MTU: 1300}.build()
			if c.told && err != nil || !c.told && !errors.Is(err, ErrSilent) {
				t.Errorf("%v, want told: %v", err, c.told)
			}
		})
	}
}

func FuzzTooBig(f *testing.F) {
	f.Add(datagram(client4, vip4, 1392), 1300)
	f.Add(datagram(client6, vip6, 1392), 1300)
	f.Add(slices.Concat(with(datagram(client6, vip6, 7)[:40], 6, 44), []byte{0, 0, 0, 1, 0, 0, 0, 9}, make([]byte, 90)), 0)
	f.Fuzz(func(t *testing.T, head []byte, mtu int) {
		got, to, err := Oversize{Head: head, MTU: mtu}.build()
		if err != nil {
			if !errors.Is(err, ErrSilent) {
				t.Fatal(err)
			}
			return
		}
		header, limit, sum := ipv4Len, ipv4MaxLen, uint64(0)
		if to.Is6() {
			from, _ := netip.AddrFromSlice(got[8:24])
			header, limit, sum = ipv6Len, ipv6MaxLen, pseudo(from, to, protoICMPv6, len(got)-ipv6Len)
		}
		if len(got) > limit || !bytes.Contains(head, got[header+icmpLen:]) {
			t.Fatalf("%d bytes, quoting %x", len(got), got[header+icmpLen:])
		}
		if rest := fold(sum + partial(got[header:])); rest != 0 {
			t.Fatalf("checksum is wrong by %#x", rest)
		}
		// Nobody may answer it with the like.
		if _, _, err := (Oversize{Head: got, MTU: mtu}).build(); !errors.Is(err, ErrSilent) {
			t.Fatalf("an error would be sent about it: %v", err)
		}
	})
}
