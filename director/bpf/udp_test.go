package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

func (w *world) query(cport, vport uint16) bpftest.Packet {
	return bpftest.Datagram(w.from(cport), w.at(vport), "a question")
}

func (d *dialog) answerTo() bpftest.Packet { return bpftest.Datagram(d.server, d.local, "an answer") }

func eachUDPMode(t *testing.T, test func(w *world, vport uint16)) {
	d := shared.Use(t)
	for _, vport := range []uint16{53, 443} {
		t.Run(modeOf(vport), func(t *testing.T) {
			eachFamily(t, d, func(w *world) { test(w, vport) })
		})
	}
}

func TestUDP(t *testing.T) {
	eachUDPMode(t, func(w *world, vport uint16) {
		q := w.query(40000, vport)
		c := w.first(q)
		c.stateIs(bpf.DirectorConnStateSTATE_UDP)
		c.hears(c.answerTo(), bpftest.Change{})
		c.says(q, bpftest.Change{})
		c.hears(c.answerTo(), bpftest.Change{})
		empty := q
		empty.Payload = nil
		c.says(empty, bpftest.Change{})
		if n := w.Entries(w.TB); n != 2 {
			w.Errorf("%d entries, want 2", n)
		}
	})
}

func TestUDPMovesOffADeadServer(t *testing.T) {
	dead := map[string]func(*bpf.Real){
		"down":         func(r *bpf.Real) { r.State = down },
		"absent":       func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_ABSENT) },
		"another boot": func(r *bpf.Real) { r.Generation++; r.Weight = 0 },
	}
	for name, change := range dead {
		t.Run(name, func(t *testing.T) {
			eachUDPMode(t, func(w *world, vport uint16) {
				q := w.query(40000, vport)
				old := w.first(q)
				old.hears(old.answerTo(), bpftest.Change{})
				w.edit(old.service, old.index, change)
				r := w.send(q, want{reason: moved, service: int(old.service), verdict: bpftest.Redirect})
				c := old.moved(r)
				if c.index == old.index {
					w.Fatalf("moved to server %d, which is dead", c.index)
				}
				w.same(r.Packet, c.toServer(q))
				w.counted(r, map[uint32]bpftest.Change{
					old.real(): {Active: -1}, c.real(): {Active: 1, InPackets: 1, InBytes: len(r.Packet)},
				})
				w.drops(old.answerTo(), int(old.service), dropLate)
				c.hears(c.answerTo(), bpftest.Change{})
				c.says(q, bpftest.Change{})
			})
		})
	}
}

func TestUDPWithoutAServer(t *testing.T) {
	eachUDPMode(t, func(w *world, vport uint16) {
		c := w.first(w.query(40000, vport))
		for i := range w.servers {
			w.edit(c.service, i, func(r *bpf.Real) { r.State = down })
		}
		before := w.Entries(w.TB)
		w.drops(w.query(40001, vport), int(c.service), dropNoServer)
		w.drops(w.query(40000, vport), int(c.service), dropNoServer)
		if n := w.Entries(w.TB); n != before {
			w.Errorf("%d entries, %d before", n, before)
		}
		// It has lost nothing when the servers come back.
		for i := range w.servers {
			w.edit(c.service, i, func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_UP) })
		}
		c.says(w.query(40000, vport), bpftest.Change{})
	})
}

// A server that drains keeps its UDP flows.
func TestUDPOfADrainingServer(t *testing.T) {
	eachUDPMode(t, func(w *world, vport uint16) {
		c := w.first(w.query(40000, vport))
		w.edit(c.service, c.index, func(r *bpf.Real) { r.State = draining })
		c.says(w.query(40000, vport), bpftest.Change{})
		c.hears(c.answerTo(), bpftest.Change{})
	})
}

// A move to a server that has this client's port already fails, and the next
// datagram does not go astray.
func TestCollisionInAMove(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		bpftest.Put(w.TB, w.Vips, bpftest.VIP(w.at(54), bpftest.UDP), uint32(dns))
		w.only(dns, 0)
		taken := w.first(w.query(40000, 53))
		w.leave(dns, 1)
		w.send(w.query(40000, 54), want{reason: forwardNew, service: dns, verdict: bpftest.Redirect})
		w.leave(dns, 0)
		w.edit(dns, 1, func(r *bpf.Real) { r.State = down })
		w.drops(w.query(40000, 54), dns, dropCollision)
		w.notToPortZero(w.query(40000, 54))
		w.leave(dns, 2)
		w.notToPortZero(w.query(40000, 54))
		taken.says(w.query(40000, 53), bpftest.Change{})
		taken.hears(taken.answerTo(), bpftest.Change{})
	})
}
