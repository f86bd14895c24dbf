package bpf_test

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

func TestTCPConnection(t *testing.T) {
	d := shared.Use(t)
	for _, vport := range []uint16{80, 443} {
		t.Run(modeOf(vport), func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				c := w.first(w.syn(40000, vport))
				c.stateIs(bpf.DirectorConnStateSTATE_OPENING)
				c.establish()
				c.says(c.in(ack|psh, clientISN+1, serverISN+1, "GET / HTTP/1.1\r\n\r\n"), bpftest.Change{})
				c.hears(c.out(ack|psh, serverISN+1, clientISN+19, "odd"), bpftest.Change{})
				optioned := c.in(ack, clientISN+19, serverISN+4, "")
				optioned.IPOptions = []byte{1, 1, 1, 0}
				c.says(optioned, bpftest.Change{})
				urgent := c.out(ack|bpftest.URG, serverISN+4, clientISN+19, strings.Repeat("long ", 500))
				urgent.Urgent = 3
				c.hears(urgent, bpftest.Change{})
			})
		})
	}
}

func modeOf(vport uint16) string {
	if inner[vport].service == full {
		return "fullnat"
	}
	return "nat"
}

// What each side sends after the handshake, and the state that follows.
func TestTCPStates(t *testing.T) {
	const (
		established = bpf.DirectorConnStateSTATE_ESTABLISHED
		finWait     = bpf.DirectorConnStateSTATE_FIN_WAIT
		timeWait    = bpf.DirectorConnStateSTATE_TIME_WAIT
		closed      = bpf.DirectorConnStateSTATE_CLOSE
	)
	type step struct {
		side  string
		flags uint8
		sent  uint32 // by that side before: 1 after its FIN
		state bpf.State
	}
	const client, server = "client", "server"
	cases := map[string][]step{
		"data changes nothing":             {{client, ack | psh, 0, established}, {server, ack | psh, 0, established}},
		"the client closes first":          {{client, fin | ack, 0, finWait}, {server, ack, 0, finWait}, {server, fin | ack, 0, timeWait}, {client, ack, 1, timeWait}},
		"the server closes first":          {{server, fin | ack, 0, finWait}, {client, ack, 0, finWait}, {client, fin | ack, 0, timeWait}, {server, ack, 1, timeWait}},
		"a FIN again":                      {{client, fin | ack, 0, finWait}, {client, fin | ack, 0, finWait}},
		"the client resets":                {{client, rst, 0, closed}},
		"the server resets":                {{server, rst | ack, 0, closed}},
		"a reset after a FIN":              {{client, fin | ack, 0, finWait}, {server, rst, 0, closed}},
		"a reset that nobody took":         {{client, rst, 0, closed}, {server, ack, 0, closed}, {client, ack, 0, established}},
		"a reset that one side took":       {{client, rst, 0, closed}, {server, ack, 0, closed}, {server, ack, 0, closed}},
		"a reset in TIME_WAIT":             {{client, fin | ack, 0, finWait}, {server, fin | ack, 0, timeWait}, {client, rst, 1, closed}},
		"a forged reset, and speech again": {{server, rst, 0, closed}, {client, ack, 0, closed}, {server, ack, 0, established}},
	}
	d := shared.Use(t)
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				c := w.connect(40000, 80)
				was := established
				for i, s := range steps {
					change := reclassed(was, s.state)
					if s.side == client {
						c.says(c.in(s.flags, clientISN+1+s.sent, serverISN+1, ""), change)
					} else {
						c.hears(c.out(s.flags, serverISN+1+s.sent, clientISN+1, ""), change)
					}
					if got := w.State(w.TB, c.key()); got != s.state {
						w.Fatalf("step %d: state %d, want %d", i+1, got, s.state)
					}
					was = s.state
				}
			})
		})
	}
}

// reclassed is what a change of state does to the present numbers.
func reclassed(from, to bpf.State) bpftest.Change {
	active := func(s bpf.State) int {
		if s <= bpf.DirectorConnStateSTATE_ESTABLISHED {
			return 1
		}
		return 0
	}
	diff := active(to) - active(from)
	return bpftest.Change{Active: diff, Inactive: -diff}
}

func TestTCPPortUsedAgain(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		c := w.connect(40000, 80)
		c.says(c.in(fin|ack, clientISN+1, serverISN+1, ""), bpftest.Change{Active: -1, Inactive: 1})
		c.hears(c.out(fin|ack, serverISN+1, clientISN+2, ""), bpftest.Change{})
		again := w.syn(40000, 80)
		again.Seq = 77
		r := w.send(again, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		if got := r.Reals[c.real()].Inactive; got != -1 {
			w.Errorf("inactive of the first server changed by %d, want -1", got)
		}
		if n := w.Entries(w.TB); n != 2 {
			w.Errorf("%d entries, want 2", n)
		}
		if s := w.State(w.TB, again); s != bpf.DirectorConnStateSTATE_OPENING {
			w.Errorf("state %d, want opening", s)
		}
	})
}

// A SYN within an established connection is for the server to answer (RFC 5961, 4).
func TestSYNInAnEstablishedConnection(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		c := w.connect(40000, 80)
		p := w.syn(40000, 80)
		p.Seq = 99
		w.forwards(p, c.toServer(p), web, forwardRepeated)
		c.stateIs(bpf.DirectorConnStateSTATE_ESTABLISHED)
	})
}

func TestSegmentsOfNoConnection(t *testing.T) {
	d := shared.Use(t)
	cases := []struct {
		name     string
		flags    uint8
		seq, ack uint32
		reason   bpf.Reason
		wantSeq  uint32
	}{
		{"ACK", ack, 100, 200, resetNoConn, 200},
		{"data", ack | psh, 100, 0xffffffff, resetNoConn, 0xffffffff},
		{"FIN with ACK", fin | ack, 100, 200, resetNoConn, 200},
		{"SYN-ACK", syn | ack, 100, 200, resetNoConn, 200},
		{"RST", rst, 100, 0, dropNoConn, 0},
		{"RST with ACK", rst | ack, 100, 200, dropNoConn, 0},
		{"FIN alone", fin, 100, 0, dropNoConn, 0},
		{"SYN with FIN", syn | fin, 100, 0, dropNoConn, 0},
		{"SYN with RST", syn | rst, 100, 0, dropNoConn, 0},
		{"no flags", 0, 100, 0, dropNoConn, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				p := bpftest.Segment(w.from(40000), w.at(80), c.flags, c.seq, c.ack, "data")
				if c.reason == resetNoConn {
					w.forwards(p, reset(p.Dst, p.Src, rst, c.wantSeq, 0), web, resetNoConn)
				} else {
					w.drops(p, web, c.reason)
				}
				if n := w.Entries(w.TB); n != 0 {
					w.Errorf("%d entries, want none", n)
				}
			})
		})
	}
}

// A RST is not made of a packet with IP options: its sender hears nothing.
func TestNoAnswerToIPOptions(t *testing.T) {
	d := shared.Use(t)
	w := newWorld(t, d, families()[0])
	p := bpftest.Segment(w.from(40000), w.at(80), ack, 100, 200, "data")
	p.IPOptions = []byte{1, 1, 1, 0}
	w.drops(p, web, dropFailed)
}

func TestSYNWithoutAServer(t *testing.T) {
	d := shared.Use(t)
	states := map[string]func(*bpf.Real){
		"of weight 0": func(r *bpf.Real) { r.Weight = 0 },
		"draining":    func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_DRAINING) },
		"ejected":     func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_EJECTED) },
		"down":        func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_DOWN) },
		"absent":      func(r *bpf.Real) { *r = bpf.Real{} },
		"another's":   func(r *bpf.Real) { r.Service = dns },
	}
	for name, change := range states {
		t.Run("all servers "+name, func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				for i := range w.servers {
					w.edit(web, i, change)
				}
				p := w.syn(40000, 80)
				w.forwards(p, reset(p.Dst, p.Src, rst|ack, 0, clientISN+1), web, resetNoServer)
				p.Payload = []byte("early data")
				w.forwards(p, reset(p.Dst, p.Src, rst|ack, 0, 0xffffffeb), web, resetNoServer)
				if n := w.Entries(w.TB); n != 0 {
					w.Errorf("%d entries, want none", n)
				}
			})
		})
	}
}

// In every state but up, with every server but one in it, the one takes all.
func TestOnlyEligibleServersTakeConnections(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		w.edit(web, 0, func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_DRAINING) })
		w.edit(web, 2, func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_EJECTED) })
		for i := range uint16(8) {
			if c := w.first(w.syn(40000+i, 80)); c.index != 1 {
				w.Errorf("connection %d to server %d, want 1", i, c.index)
			}
		}
	})
}

// Half-open connections make room for newer ones; others never do.
func TestTwoVIPsOfOneServerAndPort(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		w.only(web, 0)
		// The address itself leads to web too: port 81 there is 8080 of the same server.
		inner81 := w.syn(40000, 81)
		c := w.connect(40000, 80)
		w.drops(inner81, web, dropCollision)
		c.says(c.in(ack, clientISN+1, serverISN+1, "mine"), bpftest.Change{})
		c.hears(c.out(ack, serverISN+1, clientISN+1, "mine"), bpftest.Change{})
		if n := w.Entries(w.TB); n != 2 {
			w.Errorf("%d entries, want 2", n)
		}
		c.hears(c.out(rst, serverISN+5, 0, ""), bpftest.Change{Active: -1, Inactive: 1})
		w.send(inner81, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		if _, ok := w.Find(w.TB, c.key()); ok {
			w.Error("the closed connection kept its tuple, and has no way back")
		}
	})
}
