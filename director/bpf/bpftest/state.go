package bpftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Tuple is what the index knows a packet by, as it comes in.
func (p Packet) Tuple() bpf.Tuple {
	return bpf.Tuple{
		Saddr: Address(p.Src.Addr()), Daddr: Address(p.Dst.Addr()),
		Sport: Port(p.Src.Port()), Dport: Port(p.Dst.Port()), Proto: p.Proto,
	}
}

// Flow is one direction of a connection.
type Flow struct {
	ID         uint32
	FromServer bool
}

// Find tells the flow of a packet, or false.
func (d *Datapath) Find(tb testing.TB, p Packet) (Flow, bool) {
	tb.Helper()
	h, ok, err := d.Index(tb).Find(p.Tuple())
	if err != nil {
		tb.Fatalf("look up flow: %v", err)
	}
	return Flow{ID: h.ID(), FromServer: h.FromServer()}, ok
}

// Index reads the index that the datapath uses.
func (d *Datapath) Index(tb testing.TB) bpf.Index {
	tb.Helper()
	set := Get[bpf.Settings](tb, d.Config, uint32(0))
	return bpf.Index{
		Seed: set.Seed, Buckets: set.Buckets,
		Bucket: func(i uint32) (b bpf.Bucket, err error) {
			err = d.Buckets.Lookup(i, &b)
			return b, err
		},
		Conn: func(id uint32) (c bpf.Conn, ok bool) {
			ok = d.Conns.Lookup(id, &c) == nil
			return c, ok
		},
	}
}

// Conn is the connection of a packet; it must be there.
func (d *Datapath) Conn(tb testing.TB, p Packet) bpf.Conn {
	tb.Helper()
	f, ok := d.Find(tb, p)
	if !ok {
		tb.Fatalf("no connection of %v", p)
	}
	return Get[bpf.Conn](tb, d.Conns, f.ID)
}

// State is the state of the connection of a packet; it must be there.
func (d *Datapath) State(tb testing.TB, p Packet) bpf.State {
	tb.Helper()
	return bpf.State(d.Conn(tb, p).State)
}

// Age makes the connection of a packet older by ticks, as if time had passed.
func (d *Datapath) Age(tb testing.TB, p Packet, ticks uint32) {
	tb.Helper()
	f, ok := d.Find(tb, p)
	if !ok {
		tb.Fatalf("no connection of %v", p)
	}
	Edit(tb, d.Conns, f.ID, func(c *bpf.Conn) {
		c.Seen -= ticks
		c.ServerSeen -= ticks
		if c.Opening != 0 {
			Edit(tb, d.Openings, c.Opening-1, func(o *bpf.Opening) { o.Sent -= ticks })
		}
	})
}

// AllBuckets are all buckets of the index.
func (d *Datapath) AllBuckets(tb testing.TB) []bpf.Bucket {
	tb.Helper()
	return whole[bpf.Bucket](tb, d.Buckets, 1)
}

// Entries is how many entries the index has.
func (d *Datapath) Entries(tb testing.TB) int {
	tb.Helper()
	n := 0
	for _, b := range d.AllBuckets(tb) {
		n += b.Used()
	}
	return n
}

func parseAsk(tb testing.TB, raw []byte) bpf.Ask {
	tb.Helper()
	var ask bpf.Ask
	if err := binary.Read(bytes.NewReader(raw), binary.NativeEndian, &ask); err != nil {
		tb.Fatalf("ask of %d bytes: %v", len(raw), err)
	}
	return ask
}

// reasonNames tells the names of enum reason from the program's own BTF.
func reasonNames(spec *ebpf.CollectionSpec) (map[bpf.Reason]string, error) {
	var enum *btf.Enum
	if err := spec.Types.TypeByName("reason", &enum); err != nil {
		return nil, fmt.Errorf("BTF of enum reason: %w", err)
	}
	names := map[bpf.Reason]string{}
	for _, v := range enum.Values {
		names[bpf.Reason(v.Value)] = strings.TrimPrefix(v.Name, "REASON_")
	}
	return names, nil
}

// AllConns are all records, those not in use too.
func (d *Datapath) AllConns(tb testing.TB) []bpf.Conn {
	tb.Helper()
	return whole[bpf.Conn](tb, d.Conns, 1)
}
