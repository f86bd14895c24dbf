package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

func TestRepeatedSYN(t *testing.T) {
	eachMode(t, func(w *world, vport uint16) {
		p := w.syn(40000, vport)
		c := w.first(p)
		w.forwards(p, c.toServer(p), int(c.service), forwardRepeated)
		w.Age(w.TB, p, retry-10_000)
		r := w.forwards(p, c.toServer(p), int(c.service), forwardRepeated)
		w.counted(r, map[uint32]bpftest.Change{c.real(): {InPackets: 1, InBytes: len(p.Bytes())}})
		c.Age(w.TB, p, 10_000)
		c.retried(p, p, retrySilent, bpftest.Change{Misses: 1}, (*dialog).toServer).establish()
	})
}

func TestAnotherSYNWhileOpening(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		w.first(p)
		p.Seq = 4711 // the client has given up and begins anew
		r := w.send(p, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		active := 0
		for _, c := range r.Reals {
			active += c.Active
		}
		if n := w.Entries(w.TB); n != 2 || active != 0 {
			w.Errorf("%d flows, and %d more active; want 2 and none", n, active)
		}
	})
}

func TestSilentServer(t *testing.T) {
	eachMode(t, func(w *world, vport uint16) {
		p := w.syn(40000, vport)
		old := w.first(p)
		c := old.silent(p)

		// What the first server says late is not for the client.
		w.forwards(old.out(syn|ack, 9000, clientISN+1, ""), reset(old.local, old.server, rst, clientISN+1, 0), int(c.service), resetLate)
		w.drops(old.out(ack, 9001, clientISN+1, "late"), int(c.service), dropLate)
		w.drops(old.out(rst|ack, 0, clientISN+1, ""), int(c.service), dropLate)
		w.drops(w.unreachable(w.route, old.local.Addr(), 1, old.toServer(p).Quote(8)), int(c.service), dropLate)

		c.establish()
		c.says(c.in(ack|psh, clientISN+1, serverISN+1, "data"), bpftest.Change{})
		w.drops(old.out(ack, 9001, clientISN+1, "late"), int(c.service), dropLate)
	})
}

func TestAllSilent(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		c := w.first(p).silent(p).silent(p)
		w.Age(w.TB, p, retry)
		r := w.forwards(p, c.toServer(p), web, forwardRepeated)
		w.counted(r, map[uint32]bpftest.Change{c.real(): {Misses: 1, Streak: 1, InPackets: 1, InBytes: len(p.Bytes())}})
		c.silent(p).establish()
	})
}

func TestRepeatedSYNOfAServerThatWentAway(t *testing.T) {
	for name, change := range map[string]func(*bpf.Real){
		"down":             func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_DOWN) },
		"ejected":          func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_EJECTED) },
		"another boot":     func(r *bpf.Real) { r.Generation++ },
		"out of the table": func(r *bpf.Real) { *r = bpf.Real{} },
	} {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, shared.Use(t), func(w *world) {
				p := w.syn(40000, 80)
				c := w.first(p)
				w.edit(web, c.index, change)
				c.retried(p, p, retrySilent, bpftest.Change{Misses: 1}, (*dialog).toServer)
			})
		})
	}
}

func TestCollisionInARetry(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.only(web, 0)
		taken := w.connect(40000, 80)
		p := w.syn(40000, 81)
		w.leave(web, 1)
		w.first(p)
		w.leave(web, 0)
		w.Age(w.TB, p, retry)
		w.drops(p, web, dropCollision)
		w.notToPortZero(p)
		w.leave(web, 2)
		w.notToPortZero(p)
		p.Seq = 99 // the client begins anew, which ends what could not move
		w.send(p, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		taken.says(taken.in(ack, clientISN+1, serverISN+1, "mine"), bpftest.Change{})
		taken.hears(taken.out(ack, serverISN+1, clientISN+1, "mine"), bpftest.Change{})
	})
}

func (w *world) leave(service uint32, server int) {
	w.Helper()
	w.edit(service, server, func(r *bpf.Real) { r.Weight = 256 })
	w.only(service, server)
}

func (w *world) notToPortZero(p bpftest.Packet) {
	w.Helper()
	r := w.Run(w.TB, p.Bytes())
	out, err := bpftest.Parse(r.Packet)
	if err != nil {
		w.Fatal(err)
	}
	if r.Verdict == bpftest.Redirect && out.Dst.Port() == 0 {
		w.Errorf("counted %s, and sent %v", r.Counted(), out)
	}
}
