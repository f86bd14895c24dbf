package bpf_test

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

func TestTableFull(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		settings := bpftest.Get[bpf.Settings](w.TB, w.Config, uint32(0))
		settings.Conns = 3
		w.Configure(w.TB, settings)
		var last *dialog
		for i := range uint16(3) {
			last = w.connect(40000+i, 80)
		}
		w.drops(w.syn(50000, 80), web, dropFull)
		w.drops(bpftest.Datagram(w.from(50000), w.at(53), "query"), dns, dropFull)
		last.says(last.in(ack, clientISN+1, serverISN+1, "still here"), bpftest.Change{})
		// A client that uses a closed port again needs no more room than it has.
		last.says(last.in(rst, clientISN+11, 0, ""), bpftest.Change{Active: -1, Inactive: 1})
		w.send(w.syn(40002, 80), want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
	})
}

func TestFloodOfSYNs(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		var live []*dialog
		for i := range uint16(10) {
			live = append(live, w.connect(40000+i, 80))
		}
		udp := w.first(bpftest.Datagram(w.from(40000), w.at(53), "query"))
		for i := range uint16(3000) {
			w.send(w.syn(1000+i, 80), want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		}
		for _, c := range live {
			c.says(c.in(ack, clientISN+1, serverISN+1, "still here"), bpftest.Change{})
			c.hears(c.out(ack, serverISN+1, clientISN+1, "still here"), bpftest.Change{})
		}
		udp.hears(bpftest.Datagram(udp.server, udp.local, "answer"), bpftest.Change{})
		gauge := bpftest.Get[bpf.Gauge](w.TB, w.Gauges, uint32(0))
		if gauge.Opening > bpftest.Openings || gauge.Displaced < 3000-bpftest.Openings-8 {
			w.Errorf("%d opening and %d displaced, want at most %d, at least %d", gauge.Opening, gauge.Displaced, bpftest.Openings, 3000-bpftest.Openings-8)
		}
		if got, want := w.Entries(w.TB), 2*int(gauge.Used); got != want {
			w.Errorf("%d flows for %d connections", got, gauge.Used)
		}
	})
}

func TestActiveIsWhatIsThere(t *testing.T) {
	d := shared.Use(t)
	eachFamily(t, d, func(w *world) {
		for i := range uint16(500) {
			w.send(w.syn(1000+i, 80), want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		}
		active := uint32(0)
		for i := range w.servers {
			active += bpftest.Get[bpf.Tally](w.TB, w.Tallies, w.real(web, i)).Active
		}
		if g := bpftest.Get[bpf.Gauge](w.TB, w.Gauges, uint32(0)); active != g.Used || active != g.Opening {
			w.Errorf("%d active, %d used, %d opening, want the same", active, g.Used, g.Opening)
		}
	})
}

// Servers may answer every SYN of a flood, with cookies: what nobody
// acknowledges makes room all the same, also for new clients.
func TestFloodThatIsAnswered(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		live := w.connect(40000, 80)
		for i := range uint16(2 * bpftest.Conns) {
			p := w.syn(1000+i, 80)
			out, verdict, err := w.Forwarded(p.Bytes(), &bpftest.Context{}, 0)
			if err != nil || verdict != bpftest.Redirect {
				w.Fatalf("SYN %d: verdict %d: %v", i, verdict, err)
			}
			sent, err := bpftest.Parse(out)
			if err != nil {
				w.Fatal(err)
			}
			w.Forwarded(bpftest.Segment(sent.Dst, sent.Src, syn|ack, serverISN, clientISN+1, "").Bytes(), &bpftest.Context{}, 0)
		}
		live.says(live.in(ack, clientISN+1, serverISN+1, "still here"), bpftest.Change{})
		p := w.syn(50000, 80)
		r := w.send(p, want{reason: forwardNew, service: web, verdict: bpftest.Redirect})
		from := &dialog{world: w, service: web, client: p.Src, vip: p.Dst, proto: p.Proto}
		from.moved(r).establish()
	})
}

// A sender that does not hear the server cannot establish a connection: what it
// acknowledges is not what the server said.
func TestMadeUpAcknowledgement(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.first(w.syn(40000, 80)).answer()
		for _, acked := range []uint32{0, serverISN, serverISN - 1000, serverISN + 1<<30} {
			c.says(c.in(ack, clientISN+1, acked, ""), bpftest.Change{})
			c.stateIs(bpf.DirectorConnStateSTATE_ANSWERED)
		}
		c.says(c.in(ack|psh, clientISN+1, serverISN+1461, "a first ACK that was lost"), bpftest.Change{})
		c.stateIs(bpf.DirectorConnStateSTATE_ESTABLISHED)
	})
}
