package director

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/probe"
)

func listed(ports []uint16, servers ...config.Server) config.VIP {
	return config.VIP{Name: "web", Ports: ports, Servers: servers}
}

// follow runs a list's source until the first pool.
func follow(t *testing.T, v config.VIP, seed *pool.Pool) *pool.Pool {
	t.Helper()
	source, err := listSource(v, v.Servers, seed)
	if err != nil {
		t.Fatal(err)
	}
	f := startFeed(t.Context(), source, nil, func() {}, nil)
	defer f.end()
	await(t, "the first pool", func() bool { return f.last() != nil })
	if !f.take() || f.take() {
		t.Error("the pool is not taken once")
	}
	return f.last()
}

func TestListSource(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")
	v := listed([]uint16{8080, 443}, config.Server{Addr: a, Weight: 2}, config.Server{Addr: b, Port: 90, Weight: 1})
	p := follow(t, v, nil)
	if len(p.Servers) != 2 {
		t.Fatalf("%+v", p)
	}
	first, second := p.Servers[0], p.Servers[1]
	if first.ID != "192.0.2.1:90" || first.Port != 90 || first.Capacity != 1 {
		t.Errorf("with a port: %+v", first)
	}
	if second.ID != "192.0.2.2" || second.Port != 0 || second.Capacity != 2 || !second.Health.Alive() {
		t.Errorf("of any port: %+v", second)
	}
	again := follow(t, v, p)
	if again.Servers[1].Port != 0 || p.Servers[1].Port != 0 {
		t.Errorf("with a seed: %+v", again.Servers[1])
	}
	v.Check = &config.Check{Spec: probe.Spec{Kind: "nonsense"}}
	if _, err := listSource(v, v.Servers, nil); err == nil {
		t.Error("a check that there is none of was taken")
	}
}

// TestSeedIsAsProbed: the port at which a server of any port was asked is not
// in pools, but needed to know it again.
func TestSeedIsAsProbed(t *testing.T) {
	seed := &pool.Pool{Servers: []pool.Server{{ID: "a"}, {ID: "b", Port: 7}, {ID: "gone"}}}
	servers := []pool.Server{{ID: "a", Port: 80}, {ID: "b", Port: 7}, {ID: "c", Port: 80}}
	got := asProbed(seed, servers)
	if got.Servers[0].Port != 80 || got.Servers[1].Port != 7 || got.Servers[2].Port != 0 || seed.Servers[0].Port != 0 {
		t.Errorf("%+v from %+v", got, seed)
	}
	if asProbed(nil, servers) != nil {
		t.Error("a seed out of nothing")
	}
}

func TestSameSource(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	was := listed([]uint16{80}, config.Server{Addr: a, Weight: 1, Line: 3})
	for _, c := range []struct {
		name   string
		change func(*config.VIP)
		want   bool
	}{
		{"nothing", func(*config.VIP) {}, true},
		{"another line", func(v *config.VIP) { v.Servers[0].Line = 9 }, true},
		{"another port after the first", func(v *config.VIP) { v.Ports = append(v.Ports, 443) }, true},
		{"another scheduler", func(v *config.VIP) { v.Scheduler = config.Maglev }, true},
		{"another port to be probed", func(v *config.VIP) { v.Ports = []uint16{443} }, false},
		{"another weight", func(v *config.VIP) { v.Servers[0].Weight = 2 }, false},
		{"another check", func(v *config.VIP) { v.Check = &config.Check{} }, false},
		{"reports", func(v *config.VIP) { v.Reports = &config.Reports{} }, false},
		{"a fallback", func(v *config.VIP) { v.Fallback = []config.Server{{Addr: a}} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := was
			is.Servers = append([]config.Server{}, was.Servers...)
			c.change(&is)
			if got := sameSource(&was, &is); got != c.want {
				t.Errorf("same: %t", got)
			}
		})
	}
}
