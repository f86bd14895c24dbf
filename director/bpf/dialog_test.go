package bpf_test

import (
	"net/netip"
	"slices"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// Sequence numbers that the two sides begin with.
const (
	clientISN = 0xffffffe0 // near the wrap
	serverISN = 5000
)

// synOptions are those of a Linux client: MSS, SACK, time stamps, window scale.
var synOptions = []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7}

// inner is where a VIP's port leads: service and port of the servers.
var inner = map[uint16]struct {
	service uint32
	port    uint16
}{80: {web, 8080}, 81: {web, 8080}, 53: {dns, 5353}, 443: {full, 8443}}

// dialog is one connection as its ends see it.
type dialog struct {
	*world
	service       uint32
	index         int // of the server
	client, vip   netip.AddrPort
	local, server netip.AddrPort
	proto         uint8
}

func (w *world) syn(cport, vport uint16) bpftest.Packet {
	p := bpftest.Segment(w.from(cport), w.at(vport), syn, clientISN, 0, "")
	p.Options = synOptions
	return p
}

// first sends a connection's first packet, which must go to a new server.
func (w *world) first(p bpftest.Packet) *dialog {
	w.Helper()
	return w.firstFor(p, forwardNew)
}

func (w *world) firstFor(p bpftest.Packet, reason bpf.Reason) *dialog {
	w.Helper()
	in := inner[p.Dst.Port()]
	r := w.send(p, want{reason: reason, service: int(in.service), verdict: bpftest.Redirect})
	out, err := bpftest.Parse(r.Packet)
	if err != nil {
		w.Fatalf("opened with a wrong packet: %v\n%x", err, r.Packet)
	}
	d := &dialog{world: w, service: in.service, client: p.Src, vip: p.Dst, proto: p.Proto}
	d.settle(out)
	w.same(r.Packet, d.toServer(p))
	change := bpftest.Change{Active: 1, Conns: 1, InPackets: 1, InBytes: len(r.Packet)}
	if p.Proto == bpftest.TCP {
		change.SYNs = 1
	}
	w.counted(r, map[uint32]bpftest.Change{d.real(): change})
	return d
}

// settle takes the server's side of a dialog from a packet to the server.
func (d *dialog) settle(out bpftest.Packet) {
	d.Helper()
	d.index = slices.Index(d.servers, out.Dst.Addr())
	d.local, d.server = out.Src, out.Dst
	if d.index < 0 || out.Dst.Port() != inner[d.vip.Port()].port {
		d.Fatalf("sent to %v, which is no server of service %d", out.Dst, d.service)
	}
	if d.service == full {
		if p := out.Src.Port(); out.Src.Addr() != d.source || p < 20000 || p > 29999 {
			d.Fatalf("source %v, want %v with a port of 20000 to 29999", out.Src, d.source)
		}
	} else if out.Src != d.client {
		d.Fatalf("source %v, want %v", out.Src, d.client)
	}
}

func (d *dialog) real() uint32 { return d.world.real(d.service, d.index) }

// in is a segment from the client, out one from the server.
func (d *dialog) in(flags uint8, seq, ack uint32, payload string) bpftest.Packet {
	return bpftest.Segment(d.client, d.vip, flags, seq, ack, payload)
}

func (d *dialog) out(flags uint8, seq, ack uint32, payload string) bpftest.Packet {
	return bpftest.Segment(d.server, d.local, flags, seq, ack, payload)
}

// toServer and toClient are what packets become on their way.
func (d *dialog) toServer(p bpftest.Packet) bpftest.Packet {
	p.Src, p.Dst, p.TTL = d.local, d.server, p.TTL-1
	return p
}

func (d *dialog) toClient(p bpftest.Packet) bpftest.Packet {
	p.Src, p.Dst, p.TTL = d.vip, d.client, p.TTL-1
	return p
}

// says gives a packet of the client, hears one of the server; both must be
// translated, and counted as change says beside the packet itself.
func (d *dialog) says(p bpftest.Packet, change bpftest.Change) {
	d.Helper()
	r := d.forwards(p, d.toServer(p), int(d.service), forwardIn)
	change.InPackets, change.InBytes = 1, len(p.Bytes())
	d.counted(r, map[uint32]bpftest.Change{d.real(): change})
}

func (d *dialog) hears(p bpftest.Packet, change bpftest.Change) {
	d.Helper()
	r := d.forwards(p, d.toClient(p), int(d.service), forwardOut)
	change.OutPackets, change.OutBytes = 1, len(p.Bytes())
	d.counted(r, map[uint32]bpftest.Change{d.real(): change})
}

// key finds the dialog's connection.
func (d *dialog) key() bpftest.Packet {
	p := d.in(ack, 0, 0, "")
	p.Proto = d.proto
	return p
}

func (d *dialog) stateIs(want bpf.State) {
	d.Helper()
	if got := d.State(d.TB, d.key()); got != want {
		d.Fatalf("state %d, want %d", got, want)
	}
}

// answer lets the server accept, establish the client acknowledge too.
func (d *dialog) answer() *dialog {
	d.Helper()
	p := d.out(syn|ack, serverISN, clientISN+1, "")
	p.Options = synOptions
	d.hears(p, bpftest.Change{SYNACKs: 1, Streak: -d.streak()})
	d.stateIs(bpf.DirectorConnStateSTATE_ANSWERED)
	return d
}

func (d *dialog) establish() *dialog {
	d.Helper()
	d.answer()
	d.says(d.in(ack, clientISN+1, serverISN+1, ""), bpftest.Change{})
	d.stateIs(bpf.DirectorConnStateSTATE_ESTABLISHED)
	return d
}

func (d *dialog) streak() int {
	return int(bpftest.Get[bpf.Tally](d.TB, d.Tallies, d.real()).Streak)
}

// connect is a whole handshake.
func (w *world) connect(cport, vport uint16) *dialog {
	w.Helper()
	return w.first(w.syn(cport, vport)).establish()
}

// reset is a RST that the program makes.
func reset(src, dst netip.AddrPort, flags uint8, seq, ack uint32) bpftest.Packet {
	return bpftest.Packet{
		Src: src, Dst: dst, Proto: bpftest.TCP, TTL: 64, Fragment: bpftest.DF,
		Flags: flags, Seq: seq, Ack: ack,
	}
}
