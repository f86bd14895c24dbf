package bpftest

import (
	"errors"
	"io/fs"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// Sizes of a Datapath's maps, small enough to be looked at whole.
const (
	Conns    = 1024
	Openings = 64
	Buckets  = 512
	Services = 8
	Reals    = 64
	slotsLen = 1 << 18
)

// sizes replaces the entries of maps: the configured ones, and some that would
// only be slow to read.
var sizes = map[string]uint32{
	bpf.DirectorMapVips:     64,
	bpf.DirectorMapServices: Services,
	bpf.DirectorMapReals:    Reals,
	bpf.DirectorMapTallies:  Reals,
	bpf.DirectorMapTraffic:  Reals,
	bpf.DirectorMapSlots:    slotsLen,
	bpf.DirectorMapCursors:  Services,
	bpf.DirectorMapConns:    Conns,
	bpf.DirectorMapOpenings: Openings,
	bpf.DirectorMapBuckets:  Buckets,
	bpf.DirectorMapReleased: Conns,
	bpf.DirectorMapSticky:   256,
	"fragments":             256,
	bpf.DirectorMapReasons:  (Services + 1) * uint32(bpf.DirectorReasonREASON_MAX),
}

// Datapath is the committed program in the kernel, with maps of its own.
type Datapath struct {
	bpf.DirectorObjects
	used  uint32 // of slots
	names map[bpf.Reason]string
}

func refused(err error) bool {
	var verifier *ebpf.VerifierError
	return errors.Is(err, fs.ErrPermission) && !errors.As(err, &verifier) || errors.Is(err, ebpf.ErrNotSupported)
}

// Timeout is that of every connection state after Reset, in ticks.
const Timeout = 100_000

// Reset empties all maps and writes settings with no timeouts to fear.
func (d *Datapath) Reset(tb testing.TB) {
	tb.Helper()
	d.used = 0
	for _, m := range []*ebpf.Map{d.Vips, d.Sticky, d.Fragments} {
		empty(tb, m)
	}
	clearArray[bpf.Service](tb, d.Services)
	clearArray[bpf.Real](tb, d.Reals)
	clearArray[bpf.Tally](tb, d.Tallies)
	clearArray[bpf.Conn](tb, d.Conns)
	clearArray[bpf.Opening](tb, d.Openings)
	clearArray[bpf.Bucket](tb, d.Buckets)
	clearArray[bpf.Gauge](tb, d.Gauges)
	clearArray[uint32](tb, d.Cursors)
	clearPerCPU[bpf.Volume](tb, d.Traffic)
	clearPerCPU[uint64](tb, d.Reasons)
	d.forgetIDs()
	d.Asks(tb)
	settings := bpf.Settings{
		Seed: 1, Conns: d.Conns.MaxEntries(), Openings: d.Openings.MaxEntries(), Buckets: d.Buckets.MaxEntries(),
		GcBatch: 64, GcEvery: 1e6, Ipv6Csum: 1 << 7,
	}
	for i := range settings.Timeouts {
		settings.Timeouts[i] = Timeout
	}
	d.Configure(tb, settings)
}

// forgetIDs empties the queue of released ids.
func (d *Datapath) forgetIDs() {
	var id uint32
	for d.Released.LookupAndDelete(nil, &id) == nil {
	}
}

// ReasonName is the name of a reason without its prefix.
func (d *Datapath) ReasonName(r bpf.Reason) string { return d.names[r] }

// Configure replaces the settings.
func (d *Datapath) Configure(tb testing.TB, s bpf.Settings) {
	tb.Helper()
	Put(tb, d.Config, uint32(0), s)
}

// AddService writes service id and the VIPs that lead to it. table is the
// scheduler's; nil makes it the members.
func (d *Datapath) AddService(tb testing.TB, id uint32, s bpf.Service, members, table []uint32, vips ...bpf.VIP) {
	tb.Helper()
	if table == nil {
		table = members
	}
	s.InUse = 1
	s.Members = d.place(tb, members)
	s.Table = d.place(tb, table)
	Put(tb, d.Services, id, s)
	for _, v := range vips {
		Put(tb, d.Vips, v, id)
	}
}

// place writes real ids to slots.
func (d *Datapath) place(tb testing.TB, ids []uint32) bpf.Span {
	tb.Helper()
	span := bpf.Span{Off: d.used, Len: uint32(len(ids))}
	if span.Off+span.Len > slotsLen {
		tb.Fatalf("no room for %d slots after %d", span.Len, span.Off)
	}
	keys := make([]uint32, len(ids))
	for i := range keys {
		keys[i] = span.Off + uint32(i)
	}
	if len(ids) > 0 {
		if _, err := d.Slots.BatchUpdate(keys, ids, nil); err != nil {
			tb.Fatalf("write slots: %v", err)
		}
	}
	d.used += span.Len
	return span
}

// Put writes one value.
func Put[K, V any](tb testing.TB, m *ebpf.Map, key K, value V) {
	tb.Helper()
	if err := m.Put(key, value); err != nil {
		tb.Fatalf("write %v to %v: %v", key, m, err)
	}
}

// Get reads one value; it must be there.
func Get[V, K any](tb testing.TB, m *ebpf.Map, key K) V {
	tb.Helper()
	var value V
	if err := m.Lookup(key, &value); err != nil {
		tb.Fatalf("read %v of %v: %v", key, m, err)
	}
	return value
}

// Edit changes one value of an array.
func Edit[V any](tb testing.TB, m *ebpf.Map, key uint32, change func(*V)) {
	tb.Helper()
	value := Get[V](tb, m, key)
	change(&value)
	Put(tb, m, key, value)
}

func empty(tb testing.TB, m *ebpf.Map) {
	tb.Helper()
	for {
		key, err := m.NextKeyBytes(nil)
		if err != nil {
			tb.Fatalf("empty %v: %v", m, err)
		}
		if key == nil {
			return
		}
		if err := m.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			tb.Fatalf("empty %v: %v", m, err)
		}
	}
}

func clearArray[V any](tb testing.TB, m *ebpf.Map) {
	tb.Helper()
	rewrite(tb, m, make([]V, m.MaxEntries()))
}

func clearPerCPU[V any](tb testing.TB, m *ebpf.Map) {
	tb.Helper()
	rewrite(tb, m, make([]V, int(m.MaxEntries())*ebpf.MustPossibleCPU()))
}

func keysOf(m *ebpf.Map) []uint32 {
	keys := make([]uint32, m.MaxEntries())
	for i := range keys {
		keys[i] = uint32(i)
	}
	return keys
}

// Address is an address as maps have it: RFC 4291, 2.5.5.2 for IPv4.
func Address(a netip.Addr) [16]byte { return a.As16() }

// Port is a port in network byte order, as maps have it.
func Port(p uint16) uint16 { return p<<8 | p>>8 }

// VIP is the key of an address, port and protocol.
func VIP(a netip.AddrPort, proto uint8) bpf.VIP {
	return bpf.VIP{Addr: Address(a.Addr()), Port: Port(a.Port()), Proto: proto}
}
