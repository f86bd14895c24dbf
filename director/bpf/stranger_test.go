package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// What a stranger can send who does not see the connection: it goes its way, as
// its ends know what to do with it, but the table does not believe it.
func TestSegmentsOfStrangers(t *testing.T) {
	const established = bpf.DirectorConnStateSTATE_ESTABLISHED
	cases := []struct {
		name  string
		flags uint8
		off   uint32 // from what the sender would say
		state bpf.State
	}{
		{"an exact RST", rst, 0, bpf.DirectorConnStateSTATE_CLOSE},
		{"a RST one byte ahead", rst, 1, established},
		{"a RST one byte behind", rst, 1<<32 - 1, established},
		{"a RST far away", rst | ack, 1 << 30, established},
		{"a FIN", fin | ack, 0, bpf.DirectorConnStateSTATE_FIN_WAIT},
		{"a FIN with what came before lost", fin | ack, 1460, bpf.DirectorConnStateSTATE_FIN_WAIT},
		{"a FIN far ahead", fin | ack, 1 << 30, established},
		{"a FIN far behind", fin | ack, 3 << 30, established},
	}
	d := shared.Use(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				change := reclassed(established, c.state)
				a := w.connect(40000, 80)
				a.says(a.in(c.flags, clientISN+1+c.off, serverISN+1, ""), change)
				a.stateIs(c.state)
				b := w.connect(40001, 80)
				b.hears(b.out(c.flags, serverISN+1+c.off, clientISN+1, ""), change)
				b.stateIs(c.state)
			})
		})
	}
}

// An error is for whom it quotes.
func TestICMPErrorToAnother(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		c := w.first(p)
		w.passes(w.unreachable(w.route, w.other, 1, c.toServer(p).Quote(8)), none, passOther)
		c.stateIs(bpf.DirectorConnStateSTATE_OPENING)
		u := w.exchange(bpftest.UDP, 53)
		w.passes(w.unreachable(w.route, w.other, 3, u.toClient(u.told).Quote(8)), none, passOther)
	})
}

// behind says that the servers of a service are behind another interface than
// that where all packets of the tests come in.
func (w *world) behind(service, ifindex uint32) {
	w.Helper()
	for i := range w.servers {
		w.edit(service, i, func(r *bpf.Real) { r.Ifindex = ifindex })
	}
}

const elsewhere = 77 // an interface

// In a server's name nothing is taken from the clients' side.
func TestServersOnTheClientsSide(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		p := w.syn(40000, 80)
		c := w.first(p)
		u := w.first(w.query(40000, 53))
		w.behind(web, elsewhere)
		w.behind(dns, elsewhere)
		w.drops(c.out(syn|ack, serverISN, clientISN+1, ""), web, dropSide)
		w.drops(c.out(rst|ack, 0, clientISN+1, ""), web, dropSide)
		w.drops(u.answerTo(), dns, dropSide)
		w.Run(w.TB, w.unreachable(w.route, c.local.Addr(), 1, c.toServer(p).Quote(8)).Bytes())
		c.stateIs(bpf.DirectorConnStateSTATE_OPENING)
		if n := c.streak(); n != 0 {
			w.Errorf("streak %d by what strangers said, want 0", n)
		}
		w.behind(web, 1)
		c.establish()
	})
}

// A client may come by another way than before, but not by the servers'.
func TestClientsOnAnotherSide(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		u := w.first(w.query(40000, 53))
		data := c.in(ack|psh, clientISN+1, serverISN+1, "data")
		cameBy := func(p bpftest.Packet) {
			f, _ := w.Find(w.TB, p)
			bpftest.Edit(w.TB, w.Conns, f.ID, func(c *bpf.Conn) { c.Ifindex = elsewhere })
		}
		cameBy(data)
		cameBy(u.key())
		w.drops(data, web, dropSide)
		w.drops(w.query(40000, 53), dns, dropSide)
		w.behind(web, elsewhere+1)
		w.behind(dns, elsewhere+1)
		c.says(data, bpftest.Change{})
		u.says(w.query(40000, 53), bpftest.Change{})
		if got := w.Conn(w.TB, data).Ifindex; got != 1 {
			w.Errorf("the way back is interface %d, want 1", got)
		}
	})
}
