package bpftest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// Verdicts of the program: TCX_NEXT of tcx, and of tc's actions.
const (
	Next     = -1
	Shot     = 2
	Redirect = 7
)

// ChecksumComplete makes the kernel give the packet with CHECKSUM_COMPLETE, as
// some network cards do, and check that it is right afterwards.
const ChecksumComplete = 1 << 2 // BPF_F_TEST_SKB_CHECKSUM_COMPLETE, Linux 6.16

// Context is struct __sk_buff as BPF_PROG_TEST_RUN takes it.
type Context struct {
	_       [12]byte
	_       [28]byte
	Ifindex uint32 // at 40
	_       [120]byte
	GSOSegs uint32 // at 164
	_       [8]byte
	GSOSize uint32 // at 176
	_       [12]byte
}

// NoService is the service of packets that belong to none.
const NoService = -1

// Counter is one of reasons.
type Counter struct {
	Service int // or NoService
	Reason  bpf.Reason
}

// Change is how the tallies and the traffic of a real server changed.
type Change struct {
	Active, Inactive, Streak                    int
	SYNs, SYNACKs, Misses, Resets, Unreachables int
	Conns, InPackets, InBytes                   int
	OutPackets, OutBytes                        int
}

// Result is what became of a packet.
type Result struct {
	Verdict int
	Packet  []byte
	Reasons map[Counter]uint64
	Reals   map[uint32]Change // only those that changed
	names   map[bpf.Reason]string
}

// Run gives a frame to the program and collects what it did.
func (d *Datapath) Run(tb testing.TB, frame []byte) Result {
	tb.Helper()
	return d.RunWith(tb, frame, &Context{}, 0)
}

// RunWith is Run with a context and flags of BPF_PROG_TEST_RUN.
func (d *Datapath) RunWith(tb testing.TB, frame []byte, ctx *Context, flags uint32) Result {
	tb.Helper()
	before := d.counters(tb)
	out, verdict, err := d.Forwarded(frame, ctx, flags)
	if err != nil {
		tb.Fatalf("run %d bytes: %v\n%x", len(frame), err, frame)
	}
	after := d.counters(tb)
	return Result{verdict, out, after.reasonsSince(before), after.realsSince(before), d.names}
}

// Forwarded gives a frame to the program and returns what it left of it.
func (d *Datapath) Forwarded(frame []byte, ctx *Context, flags uint32) ([]byte, int, error) {
	options := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+512), Context: ctx, Flags: flags}
	verdict, err := d.Forward.Run(options)
	return options.DataOut, int(int32(verdict)), err
}

type counters struct {
	reasons []uint64
	tallies []bpf.Tally
	traffic []bpf.Volume
}

func (d *Datapath) counters(tb testing.TB) counters {
	tb.Helper()
	return counters{
		reasons: summed(tb, d.Reasons, func(sum *uint64, v uint64) { *sum += v }),
		tallies: whole[bpf.Tally](tb, d.Tallies, 1),
		traffic: summed(tb, d.Traffic, addVolume),
	}
}

func addVolume(sum *bpf.Volume, v bpf.Volume) {
	sum.Conns += v.Conns
	sum.InPackets += v.InPackets
	sum.InBytes += v.InBytes
	sum.OutPackets += v.OutPackets
	sum.OutBytes += v.OutBytes
}

// whole reads an array.
func whole[V any](tb testing.TB, m *ebpf.Map, perKey int) []V {
	tb.Helper()
	var cursor ebpf.MapBatchCursor
	keys := make([]uint32, m.MaxEntries())
	values := make([]V, len(keys)*perKey)
	n, err := m.BatchLookup(&cursor, keys, values, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) || n != len(keys) {
		tb.Fatalf("read %v: %d of %d entries: %v", m, n, len(keys), err)
	}
	return values
}

func summed[V any](tb testing.TB, m *ebpf.Map, add func(*V, V)) []V {
	tb.Helper()
	cpus := ebpf.MustPossibleCPU()
	values := whole[V](tb, m, cpus)
	sums := make([]V, m.MaxEntries())
	for i, v := range values {
		add(&sums[i/cpus], v)
	}
	return sums
}

func (after counters) reasonsSince(before counters) map[Counter]uint64 {
	changed := map[Counter]uint64{}
	for i, n := range after.reasons {
		if n != before.reasons[i] {
			c := Counter{i/int(bpf.DirectorReasonREASON_MAX) - 1, bpf.Reason(i % int(bpf.DirectorReasonREASON_MAX))}
			changed[c] = n - before.reasons[i]
		}
	}
	return changed
}

func (after counters) realsSince(before counters) map[uint32]Change {
	changed := map[uint32]Change{}
	for i := range after.tallies {
		if c := change(before, after, i); c != (Change{}) {
			changed[uint32(i)] = c
		}
	}
	return changed
}

func change(before, after counters, i int) Change {
	a, b := after.tallies[i], before.tallies[i]
	v, w := after.traffic[i], before.traffic[i]
	return Change{
		Active: int(int32(a.Active - b.Active)), Inactive: int(int32(a.Inactive - b.Inactive)),
		Streak: int(int32(a.Streak - b.Streak)),
		SYNs:   int(a.Syns - b.Syns), SYNACKs: int(a.Synacks - b.Synacks), Misses: int(a.Misses - b.Misses),
		Resets: int(a.Resets - b.Resets), Unreachables: int(a.Unreachable - b.Unreachable),
		Conns: int(v.Conns - w.Conns), InPackets: int(v.InPackets - w.InPackets), InBytes: int(v.InBytes - w.InBytes),
		OutPackets: int(v.OutPackets - w.OutPackets), OutBytes: int(v.OutBytes - w.OutBytes),
	}
}

// Counted names the counters that changed, in order.
func (r Result) Counted() string {
	var names []string
	for c, n := range r.Reasons {
		names = append(names, fmt.Sprintf("%d %s of service %d", n, r.names[c.Reason], c.Service))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Touched names the real servers whose counters changed, in order.
func (r Result) Touched() string {
	var s []string
	for _, id := range slices.Sorted(maps.Keys(r.Reals)) {
		s = append(s, fmt.Sprintf("real %d %+v", id, r.Reals[id]))
	}
	return strings.Join(s, ", ")
}

// Asks takes what the program asked of user space so far.
func (d *Datapath) Asks(tb testing.TB) []bpf.Ask {
	tb.Helper()
	reader, err := ringbuf.NewReader(d.DirectorObjects.Asks)
	if err != nil {
		tb.Fatalf("open asks: %v", err)
	}
	defer reader.Close()
	reader.SetDeadline(time.Unix(0, 1)) // what is there and no more
	var asks []bpf.Ask
	for {
		record, err := reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return asks
		}
		if err != nil {
			tb.Fatalf("read asks: %v", err)
		}
		asks = append(asks, parseAsk(tb, record.RawSample))
	}
}
