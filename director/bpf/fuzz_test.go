package bpf_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// town is a world with connections of every kind. Those of its bystanders must
// not change whatever other packets come.
type town struct {
	*world
	actors, bystanders []*dialog
}

// newTown lets the client make one connection of each kind, and for each a
// bystander with an address of its own.
func newTown(tb testing.TB, d *bpftest.Datapath, f family) *town {
	t := &town{world: newWorld(tb, d, f)}
	kinds := []func(client netip.AddrPort) *dialog{
		func(c netip.AddrPort) *dialog { return t.first(t.synOf(c, 80)) },
		func(c netip.AddrPort) *dialog { return t.first(t.synOf(c, 81)).answer() },
		func(c netip.AddrPort) *dialog { return t.first(t.synOf(c, 80)).establish() },
		func(c netip.AddrPort) *dialog { return t.first(t.synOf(c, 443)).establish() },
		func(c netip.AddrPort) *dialog { p := t.synOf(c, 80); return t.first(p).refused(p) },
		func(c netip.AddrPort) *dialog { p := t.synOf(c, 443); return t.first(p).silent(p).establish() },
		func(c netip.AddrPort) *dialog { return t.closed(t.first(t.synOf(c, 80)).establish()) },
		func(c netip.AddrPort) *dialog { return t.first(bpftest.Datagram(c, t.at(53), "a question")) },
		func(c netip.AddrPort) *dialog { return t.first(bpftest.Datagram(c, t.at(443), "a question")) },
	}
	for i, kind := range kinds {
		t.actors = append(t.actors, kind(t.from(40000+uint16(i))))
		addr := t.client.As16()
		addr[14], addr[15] = 0xfe, 0xd0+byte(i)
		t.bystanders = append(t.bystanders, kind(netip.AddrPortFrom(netip.AddrFrom16(addr).Unmap(), 50000+uint16(i))))
	}
	return t
}

func (t *town) synOf(client netip.AddrPort, vport uint16) bpftest.Packet {
	p := t.syn(client.Port(), vport)
	p.Src = client
	return p
}

func (t *town) closed(d *dialog) *dialog {
	t.Helper()
	d.says(d.in(fin|ack, clientISN+1, serverISN+1, ""), bpftest.Change{Active: -1, Inactive: 1})
	d.hears(d.out(fin|ack, serverISN+1, clientISN+2, ""), bpftest.Change{})
	return d
}

// packets are what the actors and routers may say, as seeds.
func (t *town) packets() []bpftest.Packet {
	var all []bpftest.Packet
	for _, d := range t.actors {
		if d.proto == bpftest.UDP {
			all = append(all, bpftest.Datagram(d.client, d.vip, "a question"), bpftest.Datagram(d.server, d.local, "an answer"))
			continue
		}
		all = append(all, t.syn(d.client.Port(), d.vip.Port()))
		for _, flags := range []uint8{ack, ack | psh, fin | ack, rst | ack, rst, syn | ack} {
			all = append(all, d.in(flags, clientISN+1, serverISN+1, "data"), d.out(flags, serverISN+1, clientISN+1, "data"))
		}
	}
	for _, d := range t.actors[:4] {
		asked, told := d.toServer(t.syn(d.client.Port(), d.vip.Port())), d.toClient(d.out(ack, serverISN, clientISN+1, "data"))
		for _, n := range []int{-1, 8} {
			all = append(all, t.unreachable(t.route, d.local.Addr(), 1, asked.Quote(n)), t.unreachable(t.route, t.vip, 1, told.Quote(n)))
		}
	}
	query := bpftest.Datagram(t.from(1), t.at(53), "12345678")
	stranger := bpftest.Datagram(t.from(1), netip.AddrPortFrom(t.stranger, 1), "x")
	optioned := t.syn(2, 80)
	optioned.IPOptions = []byte{1, 1, 1, 0}
	return append(all, query, stranger, optioned, part(query, 7, 0, true), later(query, 7, 1, "tail"), t.syn(3, 443),
		bpftest.Message(t.client, t.vip, t.echoType(), 0, 1, []byte("ping")))
}

// FuzzForward gives the program any frame, in a town of the frame's family. With
// repair its checksums are made right first, so that mutations get further.
func FuzzForward(f *testing.F) {
	d := shared.Use(f)
	for _, family := range families() {
		for _, p := range newTown(f, d, family).packets() {
			f.Add(p.Bytes(), true)
		}
	}
	f.Add([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x06\x00\x01"), false)
	f.Fuzz(func(t *testing.T, frame []byte, repair bool) {
		if len(frame) < bpftest.EthernetLen || len(frame) > 2000 {
			return
		}
		if repair {
			bpftest.Repair(frame)
		}
		family := families()[0]
		if binary.BigEndian.Uint16(frame[12:]) == 0x86dd {
			family = families()[1]
		}
		newTown(t, d, family).survives(frame)
	})
}

// survives gives a frame to the program and checks what holds for all.
func (t *town) survives(frame []byte) {
	t.Helper()
	before := t.records()
	if refusedByKernel(frame) {
		return
	}
	r := t.Run(t.TB, frame)
	if len(r.Reasons) != 1 {
		t.Fatalf("counted %s, want one reason\n%x", r.Counted(), frame)
	}
	t.fits(frame, r)
	t.consistent()
	after := t.records()
	for i, d := range t.bystanders {
		if !concerns(frame, d) && before[i] != after[i] {
			t.Errorf("the connection of %v changed:\n%+v\nwas\n%+v\n%x", d.client, after[i], before[i], frame)
		}
	}
}

// refusedByKernel tells frames that the kernel runs no program on.
func refusedByKernel(frame []byte) bool {
	head := map[uint16]int{0x0800: 20, 0x86dd: 40}[binary.BigEndian.Uint16(frame[12:])]
	return len(frame) < bpftest.EthernetLen+max(head, 1)
}

// record is a connection with both its tuples.
type record struct {
	conn    bpf.Conn
	in, out bpftest.Flow
}

func (t *town) records() []record {
	t.Helper()
	var all []record
	for _, d := range t.bystanders {
		var r record
		back := d.out(ack, 0, 0, "")
		back.Proto = d.proto
		r.in, _ = t.Find(t.TB, d.key())
		r.out, _ = t.Find(t.TB, back)
		r.conn = bpftest.Get[bpf.Conn](t.TB, t.Conns, r.in.ID)
		all = append(all, r)
	}
	return all
}

// concerns tells whether a frame may belong to a connection.
func concerns(frame []byte, d *dialog) bool {
	local := d.client.Addr()
	if d.service == full {
		local = d.local.Addr()
	}
	return bytes.Contains(frame, d.client.Addr().AsSlice()) || bytes.Contains(frame, local.AsSlice())
}

// fits compares the verdict and the packet with the reason.
func (t *town) fits(frame []byte, r bpftest.Result) {
	t.Helper()
	var reason string
	for c, n := range r.Reasons {
		reason = t.ReasonName(c.Reason)
		if n != 1 {
			t.Errorf("counted %s\n%x", r.Counted(), frame)
		}
	}
	kind, _, _ := strings.Cut(reason, "_")
	wanted, ok := map[string]int{
		"PASS": bpftest.Next, "DROP": bpftest.Shot, "FORWARD": bpftest.Redirect, "RETRY": bpftest.Redirect,
		"RESET": bpftest.Redirect, "MOVED": bpftest.Redirect,
	}[kind]
	if !ok || r.Verdict != wanted {
		t.Errorf("verdict %d for %s\n%x", r.Verdict, reason, frame)
	}
	if kind == "PASS" && !bytes.Equal(r.Packet, frame) {
		t.Errorf("%s changed a packet to\n%x\nfrom\n%x", reason, r.Packet, frame)
	}
	made := kind == "RESET" || reason == "RETRY_RESET" || reason == "RETRY_UNREACHABLE"
	if r.Verdict != bpftest.Redirect || !made && bpftest.Check(frame) != nil {
		return
	}
	if err := bpftest.Check(r.Packet); err != nil {
		t.Errorf("%s: %v: sent\n%x\nfor\n%x", reason, err, r.Packet, frame)
	}
}

// consistent compares the connections with flows, tallies and gauges.
func (t *town) consistent() {
	t.Helper()
	type count struct{ active, inactive uint32 }
	byReal := map[uint32]count{}
	flows, used := 0, uint32(0)
	for _, c := range t.AllConns(t.TB) {
		by := byReal[c.Real]
		switch bpf.State(c.State) {
		case bpf.DirectorConnStateSTATE_FREE, bpf.DirectorConnStateSTATE_DEAD:
			continue
		case bpf.DirectorConnStateSTATE_MOVED:
			flows--
		case bpf.DirectorConnStateSTATE_FIN_WAIT, bpf.DirectorConnStateSTATE_TIME_WAIT, bpf.DirectorConnStateSTATE_CLOSE:
			by.inactive++
		default:
			by.active++
		}
		flows += 2
		used++
		byReal[c.Real] = by
	}
	if n, g := t.FlowCount(t.TB), t.snapshot().gauge; n != flows || g.Used != used {
		t.Errorf("%d flows and %d used, want %d and %d", n, g.Used, flows, used)
	}
	for _, service := range []uint32{web, dns, full} {
		for i := range t.servers {
			id := t.real(service, i)
			y := bpftest.Get[bpf.Tally](t.TB, t.Tallies, id)
			if got := (count{y.Active, y.Inactive}); got != byReal[id] {
				t.Errorf("real %d: %+v counted, %+v there", id, got, byReal[id])
			}
		}
	}
}
