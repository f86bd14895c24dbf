package ballast

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/statedir"
	"github.com/ballast-lb/ballast/plugin/snapshot"
)

// manyPools are 10,000 services with 10 servers each that report this load.
func manyPools(load float64) map[string]snapshot.Source {
	now := time.Now()
	known := make(map[string]snapshot.Source, 10_000)
	for i := range 10_000 {
		p := &pool.Pool{Service: fmt.Sprintf("service-%d", i)}
		for j := range 10 {
			node := fmt.Sprintf("node-%04d", (i*10+j)%2000)
			p.Servers = append(p.Servers, pool.Server{
				ID: fmt.Sprintf("%s/service-%d-%d", node, i, j), Node: node, Port: 8080, Capacity: 4, Health: pool.Passing, Since: now,
				Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), byte(j)})},
				Load:  pool.Load{Value: load, Connections: 112, At: now, Boot: "7e3c6f0a-2f8c-4ac5-9d5c-0f7a5d5b8c11"},
			})
		}
		slices.SortFunc(p.Servers, func(a, b pool.Server) int { return strings.Compare(a.ID, b.ID) })
		key := digest(p.Service)
		known[key] = snapshot.Source{Key: key, Name: "consul " + p.Service, Confirmed: now, Pool: p}
	}
	return known
}

// What it costs to keep 100,000 servers: one write, and one look for news.
func BenchmarkKeep(b *testing.B) {
	known, other := manyPools(0.3), manyPools(0.4)
	dir := statedir.New(b.TempDir())
	defer dir.Close()
	b.Run("write", func(b *testing.B) {
		var f poolsFile
		for b.Loop() {
			if err := f.keep(dir.Replace, func() map[string]snapshot.Source { return known }, time.Now(), true); err != nil {
				b.Fatal(err)
			}
			f.saved = nil
		}
		b.ReportMetric(float64(f.size), "bytes")
	})
	f := poolsFile{saved: known}
	b.Run("look, nothing changed", func(b *testing.B) {
		for b.Loop() {
			f.news(known)
		}
	})
	b.Run("look, all loads changed", func(b *testing.B) {
		for b.Loop() {
			f.news(other)
		}
	})
}
