package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// moved follows a dialog to the server that a packet was sent to instead.
func (d *dialog) moved(r bpftest.Result) *dialog {
	d.Helper()
	out, err := bpftest.Parse(r.Packet)
	if err != nil {
		d.Fatalf("sent a wrong packet: %v\n%x", err, r.Packet)
	}
	to := *d
	to.settle(out)
	return &to
}

// replayed is a client's SYN as the program makes it again for a server.
func (d *dialog) replayed(p bpftest.Packet) bpftest.Packet {
	p = d.toServer(p)
	p.ID, p.Label = 0, 0
	return p
}

// retried sends what makes the program move an opening connection, expects the
// SYN at another server, and the move counted.
func (d *dialog) retried(p, sent bpftest.Packet, reason bpf.Reason, blame bpftest.Change, again func(*dialog, bpftest.Packet) bpftest.Packet) *dialog {
	d.Helper()
	r := d.send(p, want{reason: reason, service: int(d.service), verdict: bpftest.Redirect})
	to := d.moved(r)
	if to.index == d.index {
		d.Fatalf("sent to server %d again", d.index)
	}
	d.same(r.Packet, again(to, sent))
	blame.Active, blame.Streak = -1, 1
	change := bpftest.Change{Active: 1, SYNs: 1}
	if reason == retrySilent {
		change.InPackets, change.InBytes = 1, len(r.Packet)
	}
	d.counted(r, map[uint32]bpftest.Change{d.real(): blame, to.real(): change})
	to.stateIs(bpf.DirectorConnStateSTATE_OPENING)
	return to
}

// silent lets the retry time pass and the client send its SYN again.
func (d *dialog) silent(p bpftest.Packet) *dialog {
	d.Helper()
	d.Age(d.TB, p, retry)
	return d.retried(p, p, retrySilent, bpftest.Change{Misses: 1}, (*dialog).toServer)
}

// refused lets the server refuse the SYN.
func (d *dialog) refused(p bpftest.Packet) *dialog {
	d.Helper()
	return d.retried(d.out(rst|ack, 0, p.Seq+1, ""), p, retryReset, bpftest.Change{Resets: 1}, (*dialog).replayed)
}

// unreached lets a router say that the server cannot be reached.
func (d *dialog) unreached(p bpftest.Packet, quote int) *dialog {
	d.Helper()
	e := d.unreachable(d.route, d.local.Addr(), 1, d.toServer(p).Quote(quote))
	return d.retried(e, p, retryUnreachable, bpftest.Change{Unreachables: 1}, (*dialog).replayed)
}

func eachMode(t *testing.T, test func(w *world, vport uint16)) {
	d := shared.Use(t)
	for _, vport := range []uint16{80, 443} {
		t.Run(modeOf(vport), func(t *testing.T) {
			eachFamily(t, d, func(w *world) { test(w, vport) })
		})
	}
}

// What the client first opens with decides what a retry may do.
func TestRefusals(t *testing.T) {
	ways := map[string]func(d *dialog, p bpftest.Packet) *dialog{
		"RST":                       (*dialog).refused,
		"unreachable":               func(d *dialog, p bpftest.Packet) *dialog { return d.unreached(p, -1) },
		"unreachable, 8 bytes told": func(d *dialog, p bpftest.Packet) *dialog { return d.unreached(p, 8) },
	}
	for name, refuse := range ways {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(w *world, vport uint16) {
				p := w.syn(40000, vport)
				first := w.first(p)
				second := refuse(first, p)
				third := refuse(second, p)
				third.establish()
				third.hears(third.out(ack|psh, serverISN+1, clientISN+1, "data"), bpftest.Change{})
				if first.index == third.index {
					w.Errorf("third try at the first server")
				}
			})
		})
	}
}

// Each option list comes again as it was, and so do the window, the class and
// what ECN asks for (RFC 3168, 6.1.1).
func TestRebuiltSYN(t *testing.T) {
	options := map[string][]byte{
		"no options":       nil,
		"MSS":              {2, 4, 2, 0x18},
		"of a Linux host":  synOptions,
		"as many as fit":   {2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 34, 18, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 1},
		"nothing but NOPs": {1, 1, 1, 1},
	}
	for name, o := range options {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(w *world, vport uint16) {
				p := w.syn(40000, vport)
				p.Options, p.Window, p.TOS, p.TTL, p.Flags = o, 0x1234, 0x12, 17, syn|1<<6|1<<7
				w.first(p).refused(p).unreached(p, -1).establish()
			})
		})
	}
}

// A refusal with data, as some hosts send it, makes no longer SYN.
func TestRefusalWithData(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		c := w.first(p)
		c.retried(c.out(rst|ack, 0, clientISN+1, "go away, and a long line of it, to the end"), p, retryReset, bpftest.Change{Resets: 1}, (*dialog).replayed)
	})
}

// When all were tried the client gets the failure at once, as its own.
func TestAllRefused(t *testing.T) {
	t.Run("RST", func(t *testing.T) {
		eachMode(t, func(w *world, vport uint16) {
			p := w.syn(40000, vport)
			c := w.first(p).refused(p).refused(p)
			c.hears(c.out(rst|ack, 0, clientISN+1, ""), bpftest.Change{Active: -1, Inactive: 1, Streak: 1, Resets: 1})
			c.stateIs(bpf.DirectorConnStateSTATE_CLOSE)
			if g := bpftest.Get[bpf.Gauge](w.TB, w.Gauges, uint32(0)); g.Opening != 0 {
				w.Errorf("%d opening, want none", g.Opening)
			}
		})
	})
	// Many clients wait on after an ICMP error, but not after a RST.
	t.Run("unreachable", func(t *testing.T) {
		eachMode(t, func(w *world, vport uint16) {
			p := w.syn(40000, vport)
			c := w.first(p).unreached(p, 8).unreached(p, 8)
			e := w.unreachable(w.route, c.local.Addr(), 1, c.toServer(p).Quote(8))
			r := w.forwards(e, reset(c.vip, c.client, rst|ack, 0, clientISN+1), int(c.service), resetNoServer)
			if got := r.Reals[c.real()]; got.Unreachables != 1 || got.Streak != 1 || got.Active != -1 {
				w.Errorf("counted %+v, want one unreachable, and one active fewer", got)
			}
		})
	})
	t.Run("as many tries as allowed", func(t *testing.T) {
		eachFamily(t, shared.Use(t), func(w *world) {
			bpftest.Edit(w.TB, w.Services, web, func(s *bpf.Service) { s.Tries = 2 })
			p := w.syn(40000, 80)
			c := w.first(p).refused(p)
			c.hears(c.out(rst|ack, 0, clientISN+1, ""), bpftest.Change{Active: -1, Inactive: 1, Streak: 1, Resets: 1})
		})
	})
	t.Run("one server", func(t *testing.T) {
		eachFamily(t, shared.Use(t), func(w *world) {
			w.only(web, 2)
			c := w.first(w.syn(40000, 80))
			c.hears(c.out(rst|ack, 0, clientISN+1, ""), bpftest.Change{Active: -1, Inactive: 1, Streak: 1, Resets: 1})
		})
	})
}

// A client that goes on when all were silent begins the round again.
// A SYN with data must not be sent twice by us (RFC 7413): its refusal is told.
func TestSYNWithData(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		p.Payload = []byte("early data")
		c := w.first(p)
		c.hears(c.out(rst|ack, 0, clientISN+1, ""), bpftest.Change{Active: -1, Inactive: 1, Streak: 1, Resets: 1})
		c.stateIs(bpf.DirectorConnStateSTATE_CLOSE)
	})
	// The client itself may.
	t.Run("again", func(t *testing.T) {
		eachFamily(t, shared.Use(t), func(w *world) {
			p := w.syn(40000, 80)
			p.Payload = []byte("early data")
			w.first(p).silent(p)
		})
	})
}

// Only the server that was asked, and who can quote the SYN, may refuse it
// (RFC 5927, RFC 9293 3.10.7.3).
func TestForgedRefusals(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		c := w.first(p)
		c.hears(c.out(rst|ack, 0, clientISN+2, ""), bpftest.Change{}) // the client will not take it
		c.stateIs(bpf.DirectorConnStateSTATE_OPENING)
		other := p
		other.Seq++
		e := w.unreachable(w.route, c.local.Addr(), 1, c.toServer(other).Quote(8))
		w.forwards(e, translated(e, c.client.Addr(), shortTTL(other).Quote(8)), web, forwardICMPOut)
		c.stateIs(bpf.DirectorConnStateSTATE_OPENING)
		stranger := bpftest.Segment(w.at(1), w.from(40000), rst|ack, 0, clientISN+1, "")
		w.passes(stranger, none, passOther)
		c.establish()
	})
}

// An established connection is not moved: the refusal is the connection's end.
func TestRefusalAfterTheAnswer(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.first(w.syn(40000, 80)).answer()
		c.hears(c.out(rst, serverISN+1, 0, ""), bpftest.Change{Active: -1, Inactive: 1})
		c.stateIs(bpf.DirectorConnStateSTATE_CLOSE)
	})
}

// A server that answers clears its record of failures.
func TestStreakEndsWithAnAnswer(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		failed := w.first(p)
		failed.refused(p)
		if failed.streak() != 1 {
			w.Fatalf("streak %d, want 1", failed.streak())
		}
		for i := range w.servers {
			if i != failed.index {
				w.edit(web, i, func(r *bpf.Real) { r.Weight = 0 })
			}
		}
		c := w.connect(40001, 80)
		if c.streak() != 0 {
			w.Errorf("streak %d, want 0", c.streak())
		}
		if at := bpftest.Get[bpf.Tally](w.TB, w.Tallies, c.real()).AnsweredAt; at == 0 {
			w.Error("no time of the answer")
		}
	})
}

// A server that is no longer up is left at the next SYN, without waiting.
// Two connections of one client port that meet at one server: the one that
// comes later is dropped, and neither then nor later harms the other.
// leave makes a server the only one of a service that takes new connections.
// notToPortZero sends a packet of a connection without a way: whatever becomes
// of it, it is not sent where no server listens.
