package bpf_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/cilium/ebpf"
)

// buckets gives the index so many buckets, of those that the map has.
func (w *world) buckets(n uint32) {
	w.Helper()
	settings := bpftest.Get[bpf.Settings](w.TB, w.Config, uint32(0))
	settings.Buckets = n
	w.Configure(w.TB, settings)
}

func (w *world) end(p bpftest.Packet) {
	w.Helper()
	if !w.ended(p) {
		w.Fatalf("nothing to end at %v", p)
	}
}

// ended ends the connection of a packet, if it has one.
func (w *world) ended(p bpftest.Packet) bool {
	w.Helper()
	t := p.Tuple()
	frame := append(make([]byte, bpftest.EthernetLen), t.Saddr[:]...)
	frame = append(frame, t.Daddr[:]...)
	frame = append(frame, byte(t.Sport), byte(t.Sport>>8), byte(t.Dport), byte(t.Dport>>8), t.Proto, 0, 0, 0)
	code, err := w.End.Run(&ebpf.RunOptions{Data: frame})
	if err != nil {
		w.Fatal(err)
	}
	return code == 1
}

// unspilled expects that no bucket thinks of entries elsewhere.
func (w *world) unspilled() {
	w.Helper()
	for i, b := range w.AllBuckets(w.TB) {
		if b.Spilled != 0 || b.Used() != 0 {
			w.Errorf("bucket %d: %d entries and %d spilled, want none", i, b.Used(), b.Spilled)
		}
	}
}

// An index that is full takes no more connections, and keeps those that it has.
// What could not be made leaves nothing: no id, no opening, no entry.
func TestFullIndex(t *testing.T) {
	d := shared.Use(t)
	for _, n := range []uint32{1, 2, 8} {
		t.Run(fmt.Sprintf("%d buckets", n), func(t *testing.T) {
			eachFamily(t, d, func(w *world) { w.fill(n) })
		})
	}
}

func (w *world) fill(n uint32) {
	w.Helper()
	w.buckets(n)
	var open []bpftest.Packet
	refused := map[bpf.Reason]int{}
	spilled := false
	for port := uint16(1000); port < 1020+10*uint16(n); port++ {
		for _, p := range []bpftest.Packet{w.syn(port, 80), w.syn(port, 443), w.query(port, 53)} {
			before := w.snapshot()
			r := w.Run(w.TB, p.Bytes())
			if r.Verdict == bpftest.Redirect {
				open = append(open, p)
			} else {
				for c := range r.Reasons {
					refused[c.Reason]++
				}
				w.leftNothing(before)
			}
		}
	}
	for _, b := range w.AllBuckets(w.TB) {
		spilled = spilled || b.Spilled > 0
	}
	entries, room := w.Entries(w.TB), int(n)*bpf.Entries
	w.Logf("%d entries of %d, spilled %v, refused %v", entries, room, spilled, w.reasonNames(refused))
	if entries != 2*len(open) || entries < room*4/5 || n > 1 && !spilled {
		w.Errorf("%d entries of %d connections, room for %d; spilled: %v", entries, len(open), room, spilled)
	}
	for reason := range refused {
		if reason != dropCollision && reason != dropNoPort && reason != dropBusy {
			w.Errorf("refused by %s", w.ReasonName(reason))
		}
	}
	for _, p := range open {
		w.Run(w.TB, p.Bytes()) // again: it is known
		w.end(p)
	}
	w.empty()
	w.unspilled()
	w.first(w.syn(2000, 80)) // there is room again
}

func (w *world) reasonNames(counts map[bpf.Reason]int) map[string]int {
	named := map[string]int{}
	for r, n := range counts {
		named[w.ReasonName(r)] = n
	}
	return named
}

// leftNothing compares the table with what it was before a packet that was
// dropped. An id that was tried rests.
func (w *world) leftNothing(before snapshot) {
	w.Helper()
	after := w.snapshot()
	if after.entries != before.entries || after.gauge.Used != before.gauge.Used || after.gauge.Opening != before.gauge.Opening {
		w.Fatalf("%d entries and %+v, before %d and %+v", after.entries, after.gauge, before.entries, before.gauge)
	}
	held := 0
	for i := range w.Openings.MaxEntries() {
		if o := bpftest.Get[bpf.Opening](w.TB, w.Openings, i); o.Conn != 0 {
			held++
		}
	}
	if uint32(held) != after.gauge.Opening {
		w.Fatalf("%d openings are held for %d connections", held, after.gauge.Opening)
	}
}

// Two tuples of one home are told apart by the records alone.
func TestTuplesOfOneTag(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.buckets(4)
		one := w.syn(1000, 80)
		home := bpf.Locate(1, 4, one.Tuple())
		port := uint16(1001)
		for bpf.Locate(1, 4, w.syn(port, 80).Tuple()) != home {
			port++
		}
		two := w.syn(port, 80)
		a := w.first(one)
		if _, found := w.Find(w.TB, two); found {
			w.Fatal("one tuple is taken for the other")
		}
		w.send(bpftest.Segment(two.Src, two.Dst, ack, 1, 1, "x"), want{reason: resetNoConn, service: web, verdict: bpftest.Redirect})
		b := w.first(two)
		a.establish()
		b.establish()
		a.says(a.in(ack, clientISN+1, serverISN+1, "a"), bpftest.Change{})
		w.end(one)
		w.send(a.in(ack, clientISN+2, serverISN+1, "a"), want{reason: resetNoConn, service: web, verdict: bpftest.Redirect})
		b.says(b.in(ack, clientISN+1, serverISN+1, "b"), bpftest.Change{})
		w.end(two)
		w.empty()
		w.unspilled()
	})
}

// Thousands of connections come and go as in a map of Go's, in an index so small
// that most of its buckets are full at times.
func TestIndexLikeAMap(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		const n = 16
		w.buckets(n)
		random := rand.New(rand.NewPCG(7, 11))
		open := map[netip.AddrPort]bpftest.Packet{}
		refused := 0
		for range 6000 {
			p := w.query(1000+uint16(random.IntN(160)), 53)
			_, there := open[p.Src]
			if random.IntN(2) == 0 {
				if got := w.ended(p); got != there {
					w.Fatalf("%v: ended %v, want %v", p.Src, got, there)
				}
				delete(open, p.Src)
				continue
			}
			_, verdict, err := w.Forwarded(p.Bytes(), &bpftest.Context{}, 0)
			if err != nil {
				w.Fatal(err)
			}
			switch {
			case verdict == bpftest.Redirect:
				open[p.Src] = p
			case there:
				w.Fatalf("%v: it is open, and was dropped", p.Src)
			default:
				refused++
			}
		}
		for port := uint16(1000); port < 1160; port++ {
			p := w.query(port, 53)
			_, there := open[p.Src]
			if _, found := w.Find(w.TB, p); found != there {
				w.Errorf("%v: found %v, want %v", p.Src, found, there)
			}
		}
		spilled := 0
		for _, b := range w.AllBuckets(w.TB) {
			spilled += int(b.Spilled)
		}
		w.Logf("%d open, %d entries elsewhere, %d refused", len(open), spilled, refused)
		if spilled == 0 || w.Entries(w.TB) != 2*len(open) {
			w.Errorf("%d entries of %d connections, %d of them elsewhere", w.Entries(w.TB), len(open), spilled)
		}
		for _, p := range open {
			w.end(p)
		}
		w.empty()
		w.unspilled()
	})
}

// While tables are merged a segment of no connection may be of one that is not
// there yet: its sender sends it again, and gets no RST.
func TestUnknownSegmentWhileMerging(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		settings := bpftest.Get[bpf.Settings](w.TB, w.Config, uint32(0))
		settings.Merging = 1
		w.Configure(w.TB, settings)
		p := bpftest.Segment(w.from(40000), w.at(80), ack, 1, 1, "data")
		w.drops(p, web, dropNoConn)
		settings.Merging = 0
		w.Configure(w.TB, settings)
		w.send(p, want{reason: resetNoConn, service: web, verdict: bpftest.Redirect})
	})
}
