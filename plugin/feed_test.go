package ballast

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestWithHealthKeepsWhatWasKnown(t *testing.T) {
	a4, a6, b4 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.2")
	configured := &pool.Pool{Service: "web", Servers: []pool.Server{
		{ID: "both", Addrs: []netip.Addr{a4, a6}}, {ID: "moved", Addrs: []netip.Addr{b4}}, {ID: "new", Addrs: []netip.Addr{b4}},
	}}
	seed := &pool.Pool{Service: "web", Servers: []pool.Server{
		{ID: "both", Addrs: []netip.Addr{a4}, Health: pool.Passing, Flip: time.Second, Wavering: true},
		{ID: "moved", Addrs: []netip.Addr{a4}, Health: pool.Critical, Reason: "refused"},
	}}
	for id, want := range map[string]pool.Server{
		"both":  {Addrs: []netip.Addr{a4}, Health: pool.Passing, Wavering: true}, // the IPv6 path was dead
		"moved": {Addrs: []netip.Addr{b4}, Health: pool.Critical},
		"new":   {Addrs: []netip.Addr{b4}, Health: pool.Unknown},
	} {
		got := withHealth(configured, seed).Find(id)
		if got.Health != want.Health || got.Wavering != want.Wavering || len(got.Addrs) != 1 || got.Addrs[0] != want.Addrs[0] {
			t.Errorf("%s became %+v, want %+v", id, *got, want)
		}
	}
	if configured.Servers[0].Health != pool.Unknown || len(configured.Servers[0].Addrs) != 2 {
		t.Error("The configured pool was written to")
	}
}

// A source that never told anything leaves nothing in use.
func TestConsequenceOfTrouble(t *testing.T) {
	f := &feed{}
	if got := f.consequence(); got != "; nothing is known of its servers yet" {
		t.Errorf("Without a pool: %q", got)
	}
	f.pool.Store(&pool.Pool{})
	if got := f.consequence(); got != "; the last pool stays in use" {
		t.Errorf("With a pool: %q", got)
	}
}
