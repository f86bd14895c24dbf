package bpf_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/cilium/ebpf"
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

// country is both towns in one datapath, of which one is there at a time.
type country struct {
	*bpftest.Datapath
	towns [2]*town
	saved [2]*bpftest.Saved
	there int
}

func newCountry(tb testing.TB) *country {
	c := &country{Datapath: bpftest.Load(tb, func(spec *ebpf.CollectionSpec) {
		spec.Maps[bpf.DirectorMapConns].MaxEntries = 64 // quick to look through
		spec.Maps[bpf.DirectorMapReleased].MaxEntries = 64
	})}
	for i, family := range families() {
		c.towns[i] = newTown(tb, c.Datapath, family)
		c.saved[i] = c.Save(tb)
		c.there = i
	}
	return c
}

// survives gives a frame to the program, in an untouched town of its family.
func (c *country) survives(tb testing.TB, frame []byte) {
	tb.Helper()
	i := 0
	if binary.BigEndian.Uint16(frame[12:]) == 0x86dd {
		i = 1
	}
	if i != c.there {
		newWorld(tb, c.Datapath, c.towns[i].family)
		c.there = i
	}
	c.Restore(tb, c.saved[i])
	w := *c.towns[i].world
	w.TB = tb
	(&town{&w, c.towns[i].actors, c.towns[i].bystanders}).survives(frame)
}

// FuzzForward gives the program any frame. With repair its checksums are made
// right first, so that mutations get further.
func FuzzForward(f *testing.F) {
	c := newCountry(f)
	for _, t := range c.towns {
		for _, p := range t.packets() {
			f.Add(p.Bytes(), true)
		}
	}
	f.Add([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x06\x00\x01"), false)
	f.Fuzz(func(t *testing.T, frame []byte, repair bool) {
		if refusedByKernel(frame) || len(frame) > 2000 {
			return
		}
		if repair {
			bpftest.Repair(frame)
		}
		c.survives(t, frame)
	})
}

// Mutations of what the actors say, in the headers above all, as the fuzzer's
// own know nothing of them.
func TestMutations(t *testing.T) {
	c := newCountry(t)
	random := rand.New(rand.NewPCG(2026, 11))
	for i, town := range c.towns {
		t.Run(families()[i].name, func(t *testing.T) {
			for _, p := range town.packets() {
				for range mutationsEach {
					frame := mutate(p.Bytes(), random)
					if !refusedByKernel(frame) {
						c.survives(t, frame)
					}
				}
			}
		})
	}
}

const mutationsEach = 8

// mutate changes one to three things of a frame.
func mutate(frame []byte, random *rand.Rand) []byte {
	for range 1 + random.IntN(3) {
		at := bpftest.EthernetLen + random.IntN(min(len(frame), 100)-bpftest.EthernetLen)
		switch random.IntN(6) {
		case 0:
			frame[at] ^= 1 << random.IntN(8)
		case 1:
			frame[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[random.IntN(5)]
		case 2:
			frame[at] = byte(random.Uint32())
		case 3:
			frame = frame[:max(at, bpftest.EthernetLen+1)]
		case 4:
			frame = append(frame, make([]byte, random.IntN(64))...)
		case 5:
			setLength(frame, bpftest.EthernetLen+random.IntN(len(frame)+8))
		}
		if len(frame) <= bpftest.EthernetLen+20 {
			break
		}
	}
	if random.IntN(4) > 0 {
		bpftest.Repair(frame)
	}
	return frame
}

// survives gives a frame to the program and checks what holds for all.
func (t *town) survives(frame []byte) {
	t.Helper()
	before := t.records()
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
	if len(frame) < bpftest.EthernetLen {
		return true
	}
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

// consistent compares the connections with the index, tallies and gauges.
func (t *town) consistent() {
	t.Helper()
	type count struct{ active, inactive uint32 }
	byReal := map[uint32]count{}
	entries, used := 0, uint32(0)
	for _, c := range t.AllConns(t.TB) {
		by := byReal[c.Real]
		switch bpf.State(c.State) {
		case bpf.DirectorConnStateSTATE_FREE, bpf.DirectorConnStateSTATE_DEAD:
			continue
		case bpf.DirectorConnStateSTATE_MOVED:
			entries--
		case bpf.DirectorConnStateSTATE_FIN_WAIT, bpf.DirectorConnStateSTATE_TIME_WAIT, bpf.DirectorConnStateSTATE_CLOSE:
			by.inactive++
		default:
			by.active++
		}
		entries += 2
		used++
		byReal[c.Real] = by
	}
	if n, g := t.Entries(t.TB), t.snapshot().gauge; n != entries || g.Used != used {
		t.Errorf("%d entries and %d used, want %d and %d", n, g.Used, entries, used)
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
