package probe

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/internal/skip"
)

func TestICMP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		t.Run(addr, func(t *testing.T) {
			target := Target{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 80)}
			r, err := probe(t, Spec{Kind: "icmp"}, target, ample)
			if errors.Is(err, ErrUnable) {
				skip.UnlessCI(t, "this kernel or group may not ping: %v", err)
			}
			if err != nil || r != (Result{}) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
