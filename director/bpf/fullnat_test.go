package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// ports gives fullnat n source ports for each server.
func (w *world) ports(n uint16) {
	w.Helper()
	bpftest.Edit(w.TB, w.Services, full, func(s *bpf.Service) { s.LportMin, s.LportMax = 20000, 19999+n })
}

func TestSourcePorts(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.only(full, 1)
		w.ports(5)
		seen := map[uint16]*dialog{}
		for i := range uint16(5) {
			c := w.connect(40000+i, 443)
			if seen[c.local.Port()] != nil {
				w.Fatalf("port %d twice", c.local.Port())
			}
			seen[c.local.Port()] = c
		}
		before := w.snapshot().gauge
		w.drops(w.syn(50000, 443), full, dropNoPort)
		if after := w.snapshot().gauge; after.Used != before.Used || after.Opening != before.Opening {
			w.Errorf("%+v after a connection that got no port, %+v before", after, before)
		}
		// The other transport's ports are its own.
		w.only(full, 1)
		w.first(w.query(50000, 443))
		for _, c := range seen {
			c.says(c.in(ack|psh, clientISN+1, serverISN+1, "mine"), bpftest.Change{})
			c.hears(c.out(ack|psh, serverISN+1, clientISN+5, "mine"), bpftest.Change{})
		}
	})
}

// Another server has ports of its own.
func TestSourcePortsByServer(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.ports(1)
		for i := range uint16(3) {
			if c := w.first(w.syn(40000+i, 443)); c.local.Port() != 20000 {
				w.Errorf("port %d, want 20000", c.local.Port())
			}
		}
	})
}

// A port rests while the server may remember its last connection (RFC 6191).
func TestSourcePortInTimeWait(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.only(full, 1)
		w.ports(1)
		c := w.connect(40000, 443)
		c.says(c.in(fin|ack, clientISN+1, serverISN+1, ""), bpftest.Change{Active: -1, Inactive: 1})
		c.hears(c.out(fin|ack, serverISN+1, clientISN+2, ""), bpftest.Change{})
		c.stateIs(bpf.DirectorConnStateSTATE_TIME_WAIT)
		w.drops(w.syn(40001, 443), full, dropNoPort)
		c.says(c.in(ack, clientISN+2, serverISN+2, ""), bpftest.Change{})
	})
}

// A retry takes a port at the next server, and leaves that at the first to
// what the first may still send.
func TestSourcePortOfARetry(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.ports(1)
		p := w.syn(40000, 443)
		c := w.first(p).refused(p).silent(p)
		c.establish()
		if n := w.Entries(w.TB); n != 4 {
			w.Errorf("%d entries, want two and two tombstones", n)
		}
	})
}
