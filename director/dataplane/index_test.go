package dataplane

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

func TestBuckets(t *testing.T) {
	for conns, want := range map[uint32]uint32{256: 128, 192: 64, 193: 128, 262144: 131072, 196608: 65536, 196609: 131072, MaxConnections: 1 << 23} {
		if got := buckets(conns); got != want {
			t.Errorf("%d buckets for %d connections, want %d", got, conns, want)
		}
	}
}

// TestEnlist adds connections by the program, and takes them out.
func TestEnlist(t *testing.T) {
	p := stub(t)
	rival := connection(1)
	rival.Server = ip("203.0.113.9").As16() // the same client, another server
	same := connection(3)
	same.Vip = ip("198.51.100.9").As16() // the same at the server, another client
	left := connection(4)
	left.State = uint8(bpf.DirectorConnStateSTATE_MOVED)
	for id, c := range []bpf.Conn{1: connection(1), 2: rival, 3: connection(3), 4: same, 5: left} {
		p.conns.store(uint32(id), c, stateWord*8)
	}
	for _, c := range []struct {
		name         string
		ids, refused []uint32
		entries      int
	}{
		{name: "one", ids: []uint32{1}, entries: 2},
		{name: "again", ids: []uint32{1}, entries: 2},
		{name: "a rival among others", ids: []uint32{1, 2, 3}, refused: []uint32{2}, entries: 4},
		{name: "its way back is taken", ids: []uint32{4}, refused: []uint32{4}, entries: 4},
		{name: "a tombstone", ids: []uint32{5}, entries: 5},
	} {
		refused, err := p.set.enlist(c.ids...)
		if err != nil || !slices.Equal(refused, c.refused) {
			t.Errorf("%s: %v refused, want %v: %v", c.name, refused, c.refused, err)
		}
		if n := entries(t, p.set); n != c.entries {
			t.Errorf("%s: %d entries, want %d", c.name, n, c.entries)
		}
	}
	wantConn(t, p, 1, connection(1))
	if _, _, ok, err := p.Lookup(ServerTuple(rival)); ok || err != nil {
		t.Errorf("found what was refused: %v", err)
	}
	if _, err := p.set.enlist(1 << 30); err == nil {
		t.Error("a connection that cannot be was added")
	}
	// What another connection has is not struck out.
	if err := p.set.strikeOut(2, rival); err != nil {
		t.Fatal(err)
	}
	wantConn(t, p, 1, connection(1))
	if err := errors.Join(p.set.strikeOut(1, connection(1)), p.set.strikeOut(3, connection(3)), p.set.strikeOut(5, left)); err != nil {
		t.Fatal(err)
	}
	if n := entries(t, p.set); n != 0 {
		t.Errorf("%d entries left", n)
	}
}

// TestLookupInTheSecondBucket finds what the first had no room for.
func TestLookupInTheSecondBucket(t *testing.T) {
	p := stub(t)
	s, n := p.Settings(), 1
	c := connection(n)
	home := bpf.Locate(s.Seed, s.Buckets, ClientTuple(c))
	for home.Second == home.First {
		n++
		c = connection(n)
		home = bpf.Locate(s.Seed, s.Buckets, ClientTuple(c))
	}
	p.conns.store(1, c, stateWord*8)
	full := bpf.Bucket{}
	for i := range full.Entries {
		full.Entries[i] = home.Entry(bpf.HandleOf(900, false)) // same tag, no such tuple
	}
	if err := p.set.maps["buckets"].Put(home.First, bytesOf(&full)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.set.enlist(1); err != nil {
		t.Fatal(err)
	}
	wantConn(t, p, 1, c)
	if b := bucketOf(t, p.set, home.First); b.Spilled == 0 {
		t.Error("the first bucket does not tell that it spilled")
	}
	if err := p.set.strikeOut(1, c); err != nil {
		t.Fatal(err)
	}
	if b := bucketOf(t, p.set, home.First); b.Spilled != 0 {
		t.Errorf("%d spilled after all is gone", b.Spilled)
	}
}

// TestBuildBeforeTheIndex takes connections over from a build that kept tuples
// in a hash table.
func TestBuildBeforeTheIndex(t *testing.T) {
	for name, size := range map[string]int{"of the same size": 1024, "larger": 4096, "too small": 256} {
		t.Run(name, func(t *testing.T) {
			o := small(bpffs(t))
			p := mustOpenSpec(t, o, specWith(t, unchanged))
			enter(t, p.set, 700, connection(7))
			mustClose(t, p)
			current := filepath.Join(o.Dir, currentDir)
			flows, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 40, ValueSize: 4, MaxEntries: 2048})
			if err != nil {
				t.Fatal(err)
			}
			defer flows.Close()
			if err := errors.Join(os.Remove(filepath.Join(current, "buckets")), flows.Pin(filepath.Join(current, "flows"))); err != nil {
				t.Fatal(err)
			}
			o.Connections = size
			p = mustOpenSpec(t, o, specWith(t, unchanged))
			wantConn(t, p, 700, connection(7))
			if _, err := os.Stat(filepath.Join(current, "flows")); err == nil {
				t.Error("the table of the build before is still pinned")
			}
			if conns, _ := p.Capacity(); p.Settings().Buckets != buckets(conns) {
				t.Errorf("%d buckets for %d connections", p.Settings().Buckets, conns)
			}
		})
	}
}

// TestRecordsWithoutEntries goes on with an upgrade that a crash stopped between
// a record and its entries, and between entries and their removal.
func TestRecordsWithoutEntries(t *testing.T) {
	from, to := twoSets(t)
	u, err := newUnit(from, to, small("/").mustComplete(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	if err := u.prepare(); err != nil {
		t.Fatal(err)
	}
	for id := range uint32(4) {
		enter(t, from, id, connection(int(id)))
	}
	enter(t, to, 0, connection(0))
	save(u.new, 1, connection(1))    // not in the index yet
	enter(t, to, 2, connection(102)) // removed, but for the index
	*word(u.new, 2) = 0
	u.gauge.at(0).Used = 4 // as the old program counted them
	if err := u.rest(); err != nil {
		t.Fatal(err)
	}
	p := &Plane{set: to, config: u.config, conns: array[bpf.Conn]{mem: u.new.mem, stride: u.new.stride, len: u.new.len}}
	for id := range uint32(4) {
		wantConn(t, p, id, connection(int(id)))
	}
	if n := entries(t, to); n != 8 || u.lost != 0 {
		t.Errorf("%d entries of 4 connections, %d lost", n, u.lost)
	}
}
