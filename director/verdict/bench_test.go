package verdict

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/internal/pool"
)

// A step of the largest pool while half of it warms up.
func BenchmarkNext(b *testing.B) {
	in := Input{Now: epoch, Pool: &pool.Pool{}}
	for i := range 1024 {
		s := pool.Server{ID: fmt.Sprintf("web-%04d", i), Capacity: 1, Health: pool.Passing, Port: 80,
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}}
		if i%2 == 0 {
			s.Health = pool.Critical
		}
		in.Pool.Servers = append(in.Pool.Servers, s)
	}
	_, memory := Next(Defaults(), in, nil)
	for i := range in.Pool.Servers {
		in.Pool.Servers[i].Health = pool.Passing
	}
	in.Now = at(10)
	_, memory = Next(Defaults(), in, memory)
	in.Now = at(11)
	for b.Loop() {
		Next(Defaults(), in, memory)
	}
}
