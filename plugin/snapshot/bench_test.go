package snapshot

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/ballast-lb/ballast/internal/pool"
)

// many are 10,000 services with 10 servers each, all of which report loads.
func many() []Source {
	sources := make([]Source, 10_000)
	for i := range sources {
		p := &pool.Pool{Service: fmt.Sprintf("service-%d", i), At: noon}
		for j := range 10 {
			node := fmt.Sprintf("node-%04d", (i*10+j)%2000)
			p.Servers = append(p.Servers, pool.Server{
				ID: fmt.Sprintf("%s/service-%d-%d", node, i, j), Node: node, Port: 8080, Capacity: 4, Health: pool.Passing, Since: noon,
				Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), byte(j)})},
				Load:  pool.Load{Value: 0.37, Connections: 112, At: noon, Boot: "7e3c6f0a-2f8c-4ac5-9d5c-0f7a5d5b8c11"},
			})
		}
		slices.SortFunc(p.Servers, func(a, b pool.Server) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
		sources[i] = Source{Key: fmt.Sprintf("%064x", i), Name: "consul " + p.Service, Confirmed: p.At, Pool: p}
	}
	return sources
}

func BenchmarkEncode(b *testing.B) {
	sources := many()
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := EncodePools(&out, noon, slices.Values(sources)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len()), "bytes")
}

func BenchmarkDecode(b *testing.B) {
	file := encoded(b, many())
	for b.Loop() {
		if _, _, err := DecodePools(bytes.NewReader(file), noon); err != nil {
			b.Fatal(err)
		}
	}
}
