package bpftest

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// Saved is what packets had made of a Datapath's maps at one moment.
type Saved struct {
	buckets   []bpf.Bucket
	sticky    map[bpf.AffinityKey]bpf.Affinity
	fragments map[bpf.DirectorFragment]uint32
	tallies   []bpf.Tally
	conns     []bpf.Conn
	openings  []bpf.Opening
	gauges    []bpf.Gauge
	cursors   []uint32
}

// Save keeps the connections and all that belongs to them, but no id that was
// given back: the test must not have ended any.
func (d *Datapath) Save(tb testing.TB) *Saved {
	tb.Helper()
	return &Saved{
		buckets: whole[bpf.Bucket](tb, d.Buckets, 1), sticky: pairs[bpf.AffinityKey, bpf.Affinity](tb, d.Sticky),
		fragments: pairs[bpf.DirectorFragment, uint32](tb, d.Fragments),
		tallies:   whole[bpf.Tally](tb, d.Tallies, 1), conns: whole[bpf.Conn](tb, d.Conns, 1),
		openings: whole[bpf.Opening](tb, d.Openings, 1), gauges: whole[bpf.Gauge](tb, d.Gauges, 1),
		cursors: whole[uint32](tb, d.Cursors, 1),
	}
}

// Restore brings the maps back to what they were. Traffic and reasons count on.
func (d *Datapath) Restore(tb testing.TB, s *Saved) {
	tb.Helper()
	rewrite(tb, d.Buckets, s.buckets)
	refill(tb, d.Sticky, s.sticky)
	refill(tb, d.Fragments, s.fragments)
	rewrite(tb, d.Tallies, s.tallies)
	rewrite(tb, d.Conns, s.conns)
	rewrite(tb, d.Openings, s.openings)
	rewrite(tb, d.Gauges, s.gauges)
	rewrite(tb, d.Cursors, s.cursors)
	d.forgetIDs()
	d.Asks(tb)
}

func pairs[K comparable, V any](tb testing.TB, m *ebpf.Map) map[K]V {
	tb.Helper()
	all := map[K]V{}
	var key K
	var value V
	it := m.Iterate()
	for it.Next(&key, &value) {
		all[key] = value
	}
	if err := it.Err(); err != nil {
		tb.Fatalf("read %v: %v", m, err)
	}
	return all
}

func refill[K comparable, V any](tb testing.TB, m *ebpf.Map, all map[K]V) {
	tb.Helper()
	empty(tb, m)
	for key, value := range all {
		Put(tb, m, key, value)
	}
}

func rewrite[V any](tb testing.TB, m *ebpf.Map, values []V) {
	tb.Helper()
	if _, err := m.BatchUpdate(keysOf(m), values, nil); err != nil {
		tb.Fatalf("write %v: %v", m, err)
	}
}
