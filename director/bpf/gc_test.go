package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/cilium/ebpf"
)

// timeouts gives each state a timeout of its own, in ticks, so that a mistaken
// state shows.
func (w *world) timeouts() bpf.Settings {
	w.Helper()
	settings := bpftest.Get[bpf.Settings](w.TB, w.Config, uint32(0))
	for i := range settings.Timeouts {
		settings.Timeouts[i] = 10_000 * uint32(i+1)
	}
	w.Configure(w.TB, settings)
	return settings
}

// sweepOnce is one step of garbage collection, which the timer does otherwise.
func (w *world) sweepOnce() {
	w.Helper()
	if _, err := w.Sweep.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil {
		w.Fatalf("sweep: %v", err)
	}
}

func TestTimeouts(t *testing.T) {
	opened := func(w *world) *dialog { return w.first(w.syn(40000, 80)) }
	finWait := func(w *world) *dialog {
		c := w.connect(40000, 80)
		c.says(c.in(fin|ack, clientISN+1, serverISN+1, ""), bpftest.Change{Active: -1, Inactive: 1})
		return c
	}
	cases := []struct {
		name  string
		state bpf.State
		make  func(w *world) *dialog
	}{
		{"opening", bpf.DirectorConnStateSTATE_OPENING, opened},
		{"answered", bpf.DirectorConnStateSTATE_ANSWERED, func(w *world) *dialog { return opened(w).answer() }},
		{"established", bpf.DirectorConnStateSTATE_ESTABLISHED, func(w *world) *dialog { return w.connect(40000, 80) }},
		{"FIN_WAIT", bpf.DirectorConnStateSTATE_FIN_WAIT, finWait},
		{"TIME_WAIT", bpf.DirectorConnStateSTATE_TIME_WAIT, func(w *world) *dialog {
			c := finWait(w)
			c.hears(c.out(fin|ack, serverISN+1, clientISN+2, ""), bpftest.Change{})
			return c
		}},
		{"reset", bpf.DirectorConnStateSTATE_CLOSE, func(w *world) *dialog {
			c := w.connect(40000, 80)
			c.hears(c.out(rst, serverISN+1, 0, ""), bpftest.Change{Active: -1, Inactive: 1})
			return c
		}},
		{"UDP", bpf.DirectorConnStateSTATE_UDP, func(w *world) *dialog { return w.first(w.query(40000, 53)) }},
	}
	d := shared.Use(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				timeout := w.timeouts().Timeouts[c.state]
				conn := c.make(w)
				conn.stateIs(c.state)
				conn.Age(w.TB, conn.key(), timeout-5000)
				w.sweepOnce()
				conn.stateIs(c.state)
				conn.Age(w.TB, conn.key(), 5001)
				w.sweepOnce()
				w.empty()
			})
		})
	}
}

// empty expects nothing left of any connection.
func (w *world) empty() {
	w.Helper()
	if n := w.Entries(w.TB); n != 0 {
		w.Errorf("%d entries left", n)
	}
	if g := w.snapshot().gauge; g.Used != 0 || g.Opening != 0 {
		w.Errorf("%d used and %d opening left", g.Used, g.Opening)
	}
	for _, service := range []uint32{web, dns, full} {
		for i := range w.servers {
			if y := bpftest.Get[bpf.Tally](w.TB, w.Tallies, w.real(service, i)); y.Active != 0 || y.Inactive != 0 {
				w.Errorf("real %d: %d active and %d inactive left", w.real(service, i), y.Active, y.Inactive)
			}
		}
	}
}

// Tombstones go as well, and a packet keeps its connection.
func TestTimeoutOfTombstones(t *testing.T) {
	eachMode(t, func(w *world, vport uint16) {
		settings := w.timeouts()
		p := w.syn(40000, vport)
		old := w.first(p)
		c := old.refused(p).establish()
		tombstone := old.out(ack, 1, 1, "")
		w.Age(w.TB, tombstone, settings.Timeouts[bpf.DirectorConnStateSTATE_MOVED]+1)
		w.sweepOnce()
		w.passes(tombstone, none, passOther)
		w.Age(w.TB, c.key(), 20_000)
		c.hears(c.out(ack, serverISN+1, clientISN+1, "data"), bpftest.Change{})
		w.Age(w.TB, c.key(), 20_000)
		w.sweepOnce()
		c.stateIs(bpf.DirectorConnStateSTATE_ESTABLISHED)
	})
}

// As the table fills, what was never answered is forgotten sooner; live
// connections are not.
func TestTimeoutsInAFullTable(t *testing.T) {
	for name, c := range map[string]struct {
		opening uint16
		gone    bool
	}{"half full": {7, false}, "nearly full": {14, true}} {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, shared.Use(t), func(w *world) {
				settings := w.timeouts()
				settings.Conns = 16
				w.Configure(w.TB, settings)
				live := w.connect(40000, 80)
				for i := range c.opening {
					w.first(w.syn(50000+i, 80))
				}
				w.Age(w.TB, live.key(), settings.Timeouts[bpf.DirectorConnStateSTATE_ESTABLISHED]-5000)
				for i := range c.opening {
					w.Age(w.TB, w.syn(50000+i, 80), settings.Timeouts[bpf.DirectorConnStateSTATE_OPENING]/8)
				}
				w.sweepOnce()
				live.stateIs(bpf.DirectorConnStateSTATE_ESTABLISHED)
				want := 2
				if !c.gone {
					want += 2 * int(c.opening)
				}
				if n := w.Entries(w.TB); n != want {
					w.Errorf("%d flows, want %d", n, want)
				}
			})
		})
	}
}

// Many more connections than the table holds, one after the other.
func TestIdsAreUsedAgain(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.timeouts()
		for round := range uint16(3) {
			for i := range uint16(bpftest.Conns) {
				w.send(w.query(1000+i, 53), want{reason: forwardNew, service: dns, verdict: bpftest.Redirect})
			}
			w.drops(w.query(60000+round, 53), dns, dropFull)
			for i := range uint16(bpftest.Conns) {
				w.Age(w.TB, w.query(1000+i, 53), 1_000_000)
			}
			for range 1 + bpftest.Conns/64 {
				w.sweepOnce()
			}
			w.empty()
		}
	})
}

func TestEnd(t *testing.T) {
	eachMode(t, func(w *world, vport uint16) {
		c := w.connect(40000, vport)
		key := c.key().Tuple()
		frame := append(make([]byte, bpftest.EthernetLen), key.Saddr[:]...)
		frame = append(frame, key.Daddr[:]...)
		frame = append(frame, byte(key.Sport), byte(key.Sport>>8), byte(key.Dport), byte(key.Dport>>8), key.Proto, 0, 0, 0)
		for _, want := range []uint32{1, 0} {
			if got, err := w.End.Run(&ebpf.RunOptions{Data: frame}); err != nil || got != want {
				w.Fatalf("ended %d connections (%v), want %d", got, err, want)
			}
			w.empty()
		}
	})
}
