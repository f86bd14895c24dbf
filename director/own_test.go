package director

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/config"
)

func TestWanted(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	d := newDirector(Options{Config: &config.Config{VIPs: []config.VIP{
		{Address: a, Announce: true, Protocol: config.TCP}, {Address: a, Protocol: config.UDP}, {Address: b},
	}}})
	if w := d.wanted(); !w[a] || w[b] || len(w) != 2 {
		t.Errorf("wanted: %v", w)
	}
	gone := netip.MustParseAddr("192.0.2.3")
	d.claims = map[netip.Addr]*claim{a: {}, b: {}, gone: {}}
	if u := d.unwanted(); len(u) != 2 || !u[b] || u[gone] {
		t.Errorf("unwanted: %v, want 192.0.2.2 that is configured, and 192.0.2.3 that is not", u)
	}
}

func TestClaimsAreTriedInTime(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		name  string
		claim claim
		want  bool
	}{
		{"of an earlier run", claim{err: errPending}, false},
		{"due", claim{err: errPending, due: true}, true},
		{"held", claim{tried: now.Add(-time.Hour)}, false},
		{"held, a link has changed", claim{tried: now.Add(-time.Second), due: true}, true},
		{"failed just now", claim{err: errPending, tried: now.Add(-time.Second)}, false},
		{"failed a while ago", claim{err: errPending, tried: now.Add(-ownBackoff - 1)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDirector(Options{Config: &config.Config{VIPs: []config.VIP{{Address: a, Announce: true}}}})
			d.claims[a] = &c.claim
			if addr, _, ok := d.nextClaim(now); ok != c.want || ok && addr != a {
				t.Errorf("%v %t", addr, ok)
			}
			if _, _, ok := d.nextClaim(now); ok {
				t.Error("tried twice")
			}
		})
	}
}

// TestAddressOfTwoVIPs is held as long as one of them announces it.
func TestAddressOfTwoVIPs(t *testing.T) {
	w := newWorld(t)
	first := vipBlock("a", "10.200.0.1", 80, "10.201.0.11")
	w.write(first, vipBlock("b", "10.200.0.1", 53, "10.201.0.11", `protocol = "udp"`, `announce = false`))
	w.start()
	w.settled()
	if v := w.vips["a"]; !errors.Is(v.address, errPending) || len(w.held()) != 0 {
		t.Errorf("before it was taken: %v, %v", v.address, w.held())
	}
	w.tend(t.Context())
	w.hup()
	w.tend(t.Context())
	if got := w.held(); !slices.Equal(got, []string{"10.200.0.1"}) || w.vips["a"].address != nil {
		t.Errorf("held are %v, %v", got, w.vips["a"].address)
	}
	w.write()
	w.hup()
	if got := w.held(); len(got) != 0 || len(w.claims) != 0 {
		t.Errorf("held are %v in the end, claimed %v", got, w.claims)
	}
}

// TestAddressIsKeptForConnections of a VIP that is configured no more.
func TestAddressIsKeptForConnections(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	w.tend(t.Context())
	conn := w.dial("10.200.0.1:80")
	w.write()
	w.hup()
	w.tend(t.Context())
	if got := w.held(); !slices.Equal(got, []string{"10.200.0.1"}) {
		t.Errorf("held are %v while there is a connection", got)
	}
	w.wantAnswers(map[string]string{"10.200.0.1:80": ""})
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	ended, err := w.plane.End(tuple(addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr()), 6))
	if err != nil || !ended {
		t.Fatalf("the connection did not go through the director: %v", err)
	}
	w.tend(t.Context())
	if got := w.held(); len(got) != 0 {
		t.Errorf("held are %v after it", got)
	}
}
