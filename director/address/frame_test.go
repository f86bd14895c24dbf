package address

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

var (
	mac  = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}
	vip4 = netip.MustParseAddr("10.200.0.100")
	vip6 = netip.MustParseAddr("fd00:200::100")
)

func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFrames(t *testing.T) {
	cases := []struct {
		name string
		got  []byte
		want string
	}{
		{"ARP announcement, request", announceARP(mac, vip4)[0], `
			ffffffffffff 525400000001 0806 0001 0800 06 04 0001
			525400000001 0ac80064 000000000000 0ac80064`},
		{"ARP announcement, reply", announceARP(mac, vip4)[1], `
			ffffffffffff 525400000001 0806 0001 0800 06 04 0002
			525400000001 0ac80064 525400000001 0ac80064`},
		{"ARP probe", askARP(mac, vip4), `
			ffffffffffff 525400000001 0806 0001 0800 06 04 0001
			525400000001 00000000 000000000000 0ac80064`},
		{"unsolicited neighbour advertisement", announceND(mac, vip6)[0], `
			333300000001 525400000001 86dd 60000000 0020 3a ff
			fd000200000000000000000000000100 ff020000000000000000000000000001
			88 00 0449 20000000 fd000200000000000000000000000100 02 01 525400000001`},
		{"solicitation of duplicate address detection", askND(mac, vip6), `
			3333ff000100 525400000001 86dd 60000000 0018 3a ff
			00000000000000000000000000000000 ff0200000000000000000001ff000100
			87 00 79a7 00000000 fd000200000000000000000000000100`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if want := octets(t, c.want); !bytes.Equal(c.got, want) {
				t.Errorf("got  %x\nwant %x", c.got, want)
			}
		})
	}
}

func TestOwner(t *testing.T) {
	other := netip.MustParseAddr
	change := func(b []byte, at int, to byte) []byte {
		b = slices.Clone(b)
		b[at] = to
		return b
	}
	na := announceND(mac, vip6)[0]
	cases := []struct {
		name  string
		addr  netip.Addr
		frame []byte
		owned bool
	}{
		{"ARP reply", vip4, announceARP(mac, vip4)[1], true},
		{"ARP request of the owner", vip4, announceARP(mac, vip4)[0], true},
		{"ARP reply of another address", vip4, announceARP(mac, other("10.200.0.101"))[1], false},
		{"another's ARP probe", vip4, askARP(mac, vip4), false},
		{"ARP, cut", vip4, announceARP(mac, vip4)[1][:41], false},
		{"ARP for another kind of network", vip4, change(announceARP(mac, vip4)[1], 15, 6), false},
		{"advertisement", vip6, na, true},
		{"advertisement of another address", vip6, announceND(mac, other("fd00:200::101"))[0], false},
		{"advertisement from beyond a router", vip6, change(na, 21, 254), false},
		{"another's solicitation", vip6, askND(mac, vip6), false},
		{"advertisement, cut", vip6, na[:77], false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := familyOf(c.addr).owner(c.frame, c.addr)
			if ok != c.owned || ok && !bytes.Equal(got, mac) {
				t.Errorf("%v, %v; want %v, %v", got, ok, mac, c.owned)
			}
		})
	}
}

func TestAnswersPassTheFilter(t *testing.T) {
	cases := []struct {
		name  string
		addr  netip.Addr
		frame []byte
		pass  bool
	}{
		{"ARP", vip4, announceARP(mac, vip4)[1], true},
		{"advertisement", vip6, announceND(mac, vip6)[0], true},
		{"solicitation", vip6, askND(mac, vip6), false},
		{"a frame of another protocol", vip6, make([]byte, 100), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			vm, err := bpf.NewVM(familyOf(c.addr).answers)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := vm.Run(c.frame); err != nil || (n > 0) != c.pass {
				t.Errorf("%d bytes, %v; want passed: %v", n, err, c.pass)
			}
		})
	}
}

func FuzzOwner(f *testing.F) {
	f.Add(announceARP(mac, vip4)[0])
	f.Add(announceND(mac, vip6)[0])
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, a := range []netip.Addr{vip4, vip6} {
			if got, ok := familyOf(a).owner(frame, a); ok && (len(got) != 6 || !bytes.Contains(frame, a.AsSlice())) {
				t.Errorf("%v has %v by %x", got, a, frame)
			}
		}
	})
}
