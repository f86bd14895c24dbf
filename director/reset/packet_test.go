package reset

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

func port(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// octets reads bytes written in hexadecimal, with blanks between fields.
func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuildRST(t *testing.T) {
	cases := []struct {
		name, from, to string
		seq            uint32
		want           string
	}{
		{"IPv4", "10.200.0.100:80", "10.200.0.1:40000", 0xdeadbeef, `
			45 00 0028 0000 4000 40 06 24dc 0ac80064 0ac80001
			0050 9c40 deadbeef 00000000 50 04 0000 5fbe 0000`},
		{"IPv6", "[fd00:200::100]:443", "[fd00:200::1]:65535", 0, `
			60000000 0014 06 40 fd000200000000000000000000000100 fd000200000000000000000000000001
			01bb ffff 00000000 00000000 50 04 0000 af23 0000`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := buildRST([]byte("before"), port(c.from), port(c.to), c.seq)
			if want := "before" + string(octets(t, c.want)); string(got) != want {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func TestFold(t *testing.T) {
	cases := []struct {
		name, bytes string
		want        uint16
	}{
		{"nothing", "", 0xffff},
		{"example of RFC 1071, 3", "0001 f203 f4f5 f6f7", 0x220d},
		{"odd length", "0001 f2", 0x0dfe},
		{"two carries", strings.Repeat("ffff", 70_000), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := fold(partial(octets(t, c.bytes))); got != c.want {
				t.Errorf("%#04x, want %#04x", got, c.want)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	cases := []struct {
		name, from, to string
		ok             bool
	}{
		{"IPv4", "10.200.0.100:80", "10.200.0.1:40000", true},
		{"IPv6", "[fd00::1]:80", "[fd00::2]:40000", true},
		{"IPv4 within IPv6", "[::ffff:10.200.0.100]:80", "10.200.0.1:40000", true},
		{"two families", "10.200.0.100:80", "[fd00::2]:40000", false},
		{"multicast", "10.200.0.100:80", "224.0.0.1:40000", false},
		{"limited broadcast", "10.200.0.100:80", "255.255.255.255:40000", false},
		{"unspecified", "0.0.0.0:80", "10.200.0.1:40000", false},
		{"loopback", "[::1]:80", "[fd00::2]:40000", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			from, to, err := ends(port(c.from), port(c.to))
			if (err == nil) != c.ok {
				t.Fatalf("error %v, want none: %v", err, c.ok)
			}
			if c.ok && (from.Addr().Is4In6() || to.Addr().Is4In6()) {
				t.Errorf("%v, %v: IPv4 still within IPv6", from, to)
			}
		})
	}
	if _, _, err := ends(netip.AddrPort{}, port("10.200.0.1:40000")); err == nil {
		t.Error("an address that is not set was taken")
	}
}
