package ballast

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/plugin/peers"
)

// TestHeard finds the names that words are of, also after a zone has changed.
func TestHeard(t *testing.T) {
	b := handler(t, shared)
	z := b.hub.allZones()[0]
	n := &namesHeard{hub: b.hub}
	word := func(name string) *peers.Word {
		w := &peers.Word{Name: peers.Hash(z.place(name)), Key: netip.MustParsePrefix("192.0.2.0/24"), TTL: time.Minute, At: time.Now(), N: 1}
		w.Servers[0] = peers.Hash("of a server that is not known")
		return w
	}
	for _, step := range []struct {
		name, records string
		www, shop     bool
	}{
		{"as loaded", shared, true, false},
		{"one more", shared + strings.Replace(strings.Split(shared, "\n")[1], "www", "shop", 1) + "\n", true, true},
		{"of a policy that does not listen", strings.Replace(shared, "headroom", "weighted", 1), false, false},
	} {
		writeZone(t, filepath.Dir(z.cfg.file), "zone", step.records)
		if err := z.load(); err != nil {
			t.Fatal(err)
		}
		if www, shop := n.take(word("www.example.org.")), n.take(word("shop.example.org.")); www != step.www || shop != step.shop {
			t.Errorf("%s: www %v, shop %v", step.name, www, shop)
		}
	}
}

// TestHeardIsCheap: what a word costs does not grow with the zones.
func TestHeardIsCheap(t *testing.T) {
	b := handler(t, shared)
	z := b.hub.allZones()[0]
	for range 1000 {
		b.hub.addZone(z)
	}
	n, w := &namesHeard{hub: b.hub}, peers.Word{Name: peers.Hash(z.place("www.example.org.")), Key: netip.MustParsePrefix("192.0.2.0/24"), TTL: time.Minute, At: time.Now()}
	if allocs := testing.AllocsPerRun(100, func() { w.At = w.At.Add(time.Minute); n.take(&w) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
