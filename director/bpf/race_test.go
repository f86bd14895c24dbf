package bpf_test

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/cilium/ebpf"
)

// Packets of the same connections on several CPUs at once leave the table
// consistent: every tuple has its connection, and every connection is counted
// once.
func TestManyCPUs(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		town := newTown(w.TB, w.Datapath, w.family)
		bpftest.Edit(w.TB, w.Services, web, func(s *bpf.Service) { s.Retry = 0 }) // each repeated SYN moves on
		var frames [][]byte
		for _, p := range town.packets() {
			frames = append(frames, p.Bytes())
		}
		for i := range uint16(50) {
			frames = append(frames, w.syn(2000+i%10, 80+i%2).Bytes(), w.query(2000+i%10, 53).Bytes())
		}
		var wg sync.WaitGroup
		for i := range 2 * runtime.NumCPU() {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 1))
				for range 3000 {
					if _, _, err := w.Forwarded(frames[random.IntN(len(frames))], &bpftest.Context{}, 0); err != nil {
						w.Errorf("run: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
		town.consistent()
	})
}

// While the SYN moves on, on one CPU, servers answer it on another: the client
// hears of one of them only.
func TestOneISN(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		bpftest.Edit(w.TB, w.Services, web, func(s *bpf.Service) { s.Retry = 0 })
		for round := range uint16(300) {
			p := w.syn(10_000+round, 80)
			w.first(p)
			var wg sync.WaitGroup
			wg.Go(func() {
				for range 4 {
					w.Forwarded(p.Bytes(), &bpftest.Context{}, 0)
				}
			})
			heard := map[uint32]bool{}
			wg.Go(func() {
				for i := range 30 {
					server := netip.AddrPortFrom(w.servers[i%3], 8080)
					answer := bpftest.Segment(server, p.Src, syn|ack, uint32(1000*(1+i%3)), clientISN+1, "")
					out, _, _ := w.Forwarded(answer.Bytes(), &bpftest.Context{}, 0)
					if sent, err := bpftest.Parse(out); err == nil && sent.Src == p.Dst && sent.Dst == p.Src {
						heard[sent.Seq] = true
					}
				}
			})
			wg.Wait()
			// Half-open connections are few here: this one makes room.
			w.Forwarded(bpftest.Segment(p.Src, p.Dst, rst, clientISN+1, 0, "").Bytes(), &bpftest.Context{}, 0)
			if len(heard) > 1 {
				w.Fatalf("round %d: SYN-ACKs of %d servers, want one", round, len(heard))
			}
		}
	})
}

// While one CPU changes a connection another does not.
func TestLockedConnection(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		lock := func(p bpftest.Packet, to uint32) {
			f, _ := w.Find(w.TB, p)
			bpftest.Edit(w.TB, w.Conns, f.ID, func(c *bpf.Conn) { c.Lock = to })
		}
		p := w.syn(40000, 80)
		c := w.first(p)
		lock(p, 1)
		w.Age(w.TB, p, retry)
		w.drops(p, web, dropBusy)
		w.drops(c.out(rst|ack, 0, clientISN+1, ""), web, dropBusy)
		anew := p
		anew.Seq = 99
		w.drops(anew, web, dropBusy)
		lock(p, 0)
		c.silent(p).establish()

		q := w.query(40000, 53)
		u := w.first(q)
		w.edit(dns, u.index, func(r *bpf.Real) { r.State = down })
		lock(q, 1)
		w.drops(q, dns, dropBusy)
		lock(q, 0)
		w.send(q, want{reason: moved, service: dns, verdict: bpftest.Redirect})
	})
}

// The timer collects on its own, without the program that loaded it.
func TestCollect(t *testing.T) {
	d := bpftest.Load(t, nil)
	w := newWorld(t, d, families()[0])
	settings := w.timeouts()
	c := w.connect(40000, 80)
	kept := w.connect(40001, 80)
	if got, err := d.Collect.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil || got != 0 {
		t.Fatalf("start the timer: %d, %v", got, err)
	}
	w.Age(t, c.key(), settings.Timeouts[bpf.DirectorConnStateSTATE_ESTABLISHED]+1)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, there := w.Find(t, c.key()); !there {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("an old connection was not collected in 5 s")
		}
	}
	kept.says(kept.in(ack, clientISN+1, serverISN+1, "data"), bpftest.Change{})
	if n := w.Entries(t); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}
