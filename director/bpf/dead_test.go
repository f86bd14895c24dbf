package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"golang.org/x/sys/unix"
)

const (
	down     = uint8(bpf.DirectorRealStateREAL_DOWN)
	draining = uint8(bpf.DirectorRealStateREAL_DRAINING)
	ejected  = uint8(bpf.DirectorRealStateREAL_EJECTED)
)

// now is the present tick.
func (w *world) now() uint32 {
	w.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		w.Fatal(err)
	}
	return uint32(ts.Nano() >> bpf.TickShift)
}

// die takes a dialog's server down as of ago ticks before now.
func (d *dialog) die(ago uint32) {
	d.Helper()
	d.edit(d.service, d.index, func(r *bpf.Real) { r.State, r.DownAt = down, d.now()-ago })
}

func (w *world) policy(service uint32, p bpf.DirectorOnFailure) {
	w.Helper()
	bpftest.Edit(w.TB, w.Services, service, func(s *bpf.Service) { s.OnFailure = uint8(p) })
}

// resetBy is the RST that a segment of the client is answered with.
func (d *dialog) resetBy(p bpftest.Packet) {
	d.Helper()
	d.forwards(p, reset(d.vip, d.client, rst, p.Ack, 0), int(d.service), resetDead)
}

// What a connection gets whose server is dead, by policy.
func TestDeadServer(t *testing.T) {
	const (
		drain  = bpf.DirectorOnFailureFAIL_DRAIN
		always = bpf.DirectorOnFailureFAIL_RESET
		silent = bpf.DirectorOnFailureFAIL_RESET_IF_SILENT

		aheadBy5 = 1<<32 - 5
	)
	repeat := func(d *dialog, n int) { // segments that the client sends again
		p := d.in(ack|psh, clientISN+1, serverISN+1, "question")
		for range n {
			d.says(p, bpftest.Change{})
		}
	}
	cases := []struct {
		name   string
		policy bpf.DirectorOnFailure
		ago    uint32 // since the server is down
		silent uint32 // since it spoke
		before func(d *dialog)
		want   bpf.Reason
	}{
		{"drain, long silent", drain, 2 * retry, 3 * retry, nil, forwardIn},
		{"reset, just down", always, 0, 0, nil, resetDead},
		{"reset, though it still speaks", always, retry, 0, nil, resetDead},
		{"if silent, just down", silent, 100, 200, nil, forwardIn},
		{"if silent, down a moment ahead of the packets' coarse clock", silent, aheadBy5, 200, nil, forwardIn},
		{"if silent, silent for long", silent, retry + 100, retry + 200, nil, resetDead},
		{"if silent, spoke since", silent, retry, retry - 100, nil, forwardIn},
		{"if silent, a segment three times again", silent, 100, 200, func(d *dialog) { repeat(d, 4) }, resetDead},
		{"if silent, a segment once again", silent, 100, 200, func(d *dialog) { repeat(d, 2) }, forwardIn},
	}
	d := shared.Use(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				conn := w.connect(40000, 80)
				w.policy(web, c.policy)
				if c.before != nil {
					c.before(conn)
				}
				conn.Age(w.TB, conn.key(), c.silent)
				conn.die(c.ago)
				p := conn.in(ack|psh, clientISN+9, serverISN+1, "question")
				if c.want == resetDead {
					conn.resetBy(p)
					conn.stateIs(bpf.DirectorConnStateSTATE_CLOSE)
				} else {
					conn.says(p, bpftest.Change{})
				}
			})
		})
	}
}

// The RST must be where the client expects it: at what it has acknowledged last.
func TestResetsOfADeadServerAreExact(t *testing.T) {
	eachMode(t, func(w *world, vport uint16) {
		c := w.connect(40000, vport)
		w.edit(c.service, c.index, func(r *bpf.Real) { r.Generation++ })
		c.resetBy(c.in(ack|psh, clientISN+1, serverISN+1, "data"))
		c.resetBy(c.in(ack, clientISN+5, serverISN+777, "")) // a challenge ACK (RFC 5961, 3.2)
		c.resetBy(c.in(fin|ack, clientISN+5, serverISN+777, ""))
		c.says(c.in(rst, clientISN+5, 0, ""), bpftest.Change{}) // it may still reach the server
		c.stateIs(bpf.DirectorConnStateSTATE_CLOSE)
	})
}

// One write of a generation retires all connections of a server, and no other's.
func TestGeneration(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		var all []*dialog
		for i := range uint16(9) {
			all = append(all, w.connect(40000+i, 80))
		}
		w.edit(web, 1, func(r *bpf.Real) { r.Generation++ })
		for _, c := range all {
			data := c.in(ack|psh, clientISN+1, serverISN+1, "data")
			answer := c.out(ack|psh, serverISN+1, clientISN+5, "data")
			if c.index != 1 {
				c.says(data, bpftest.Change{})
				c.hears(answer, bpftest.Change{})
				continue
			}
			// The server forgot it, or shall.
			c.forwards(answer, reset(c.local, c.server, rst, clientISN+5, 0), web, resetLate)
			c.resetBy(data)
			c.resetBy(data)
		}
		// New connections use the new generation.
		for i := range uint16(3) {
			c := w.connect(50000+i, 80)
			c.says(c.in(ack|psh, clientISN+1, serverISN+1, "data"), bpftest.Change{})
		}
	})
}

// The same client port, of a connection whose server is dead: a new SYN is
// for another server at once.
func TestPortOfADeadConnectionUsedAgain(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		w.policy(web, bpf.DirectorOnFailureFAIL_RESET)
		c.die(0)
		p := w.syn(40000, 80)
		p.Seq = 1234
		r := w.send(p, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		if to := c.moved(r); to.index == c.index {
			w.Errorf("sent to the dead server %d", c.index)
		}
	})
}

// A server that drains, or is ejected, keeps what it has.
func TestServerThatTakesNothingNew(t *testing.T) {
	for name, state := range map[string]uint8{"draining": draining, "ejected": ejected} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(w *world, vport uint16) {
				c := w.connect(40000, vport)
				w.edit(c.service, c.index, func(r *bpf.Real) { r.State, r.Weight = state, 0 })
				c.says(c.in(ack|psh, clientISN+1, serverISN+1, "data"), bpftest.Change{})
				c.hears(c.out(ack|psh, serverISN+1, clientISN+5, "data"), bpftest.Change{})
				for i := range uint16(4) {
					if n := w.first(w.syn(41000+i, vport)); n.index == c.index {
						w.Errorf("a new connection to a server that is %s", name)
					}
				}
			})
		})
	}
}

// A SYN within a connection of a server that drains is that server's to answer,
// or strangers could end what it keeps. Once the client's RST has shown that the
// connection is forgotten, the next SYN goes elsewhere.
func TestSYNOfADrainingConnection(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		w.edit(web, c.index, func(r *bpf.Real) { r.State = draining })
		p := w.syn(40000, 80)
		p.Seq = 1234
		w.send(p, want{reason: forwardRepeated, service: web, verdict: bpftest.Redirect})
		gone := bpftest.Segment(p.Src, p.Dst, rst, clientISN+1, 0, "")
		w.send(gone, want{reason: forwardIn, service: web, verdict: bpftest.Redirect})
		r := w.send(p, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		if to := c.moved(r); to.index == c.index {
			w.Errorf("sent to the draining server %d", c.index)
		}
	})
}
