package bpf_test

import (
	"encoding/binary"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// mutation makes a right frame wrong. l4 is where its transport header begins.
type mutation struct {
	name    string
	service int // that counts it
	do      func(frame []byte, l4 int) []byte
}

// A frame that ends within its IP header is not among them: the kernel does not
// run a program on it.

const none = bpftest.NoService

var ipv4Mutations = []mutation{
	{"version 5", none, func(f []byte, _ int) []byte { f[14] = 0x55; return f }},
	{"version 6", none, func(f []byte, _ int) []byte { f[14] = 0x65; return f }},
	{"header of 16 bytes", none, func(f []byte, _ int) []byte { f[14] = 0x44; return f }},
	{"header of no bytes", none, func(f []byte, _ int) []byte { f[14] = 0x40; return f }},
	{"header longer than the packet", none, func(f []byte, l4 int) []byte { f[14] = 0x4f; return shorten(f, l4+8) }},
	{"longer than the frame", none, func(f []byte, _ int) []byte { f[16]++; return f }},
	{"shorter than its header", none, func(f []byte, _ int) []byte { f[16], f[17] = 0, 19; return f }},
	{"of no length", none, func(f []byte, _ int) []byte { f[16], f[17] = 0, 0; return f }},
}

var ipv6Mutations = []mutation{
	{"version 4", none, func(f []byte, _ int) []byte { f[14] = 0x40; return f }},
	{"longer than the frame", none, func(f []byte, _ int) []byte { f[18]++; return f }},
	{"of no length", web, func(f []byte, _ int) []byte { f[18], f[19] = 0, 0; return f }},
	{"fragment header cut off", none, func(f []byte, l4 int) []byte { f[20] = 44; return shorten(f, l4+7) }},
}

var tcpMutations = []mutation{
	{"TCP header cut off", web, func(f []byte, l4 int) []byte { return shorten(f, l4+19) }},
	{"ports cut off", web, func(f []byte, l4 int) []byte { return shorten(f, l4+3) }},
	{"no TCP header", web, func(f []byte, l4 int) []byte { return shorten(f, l4) }},
	{"data offset 4", web, func(f []byte, l4 int) []byte { f[l4+12] = 0x40; return f }},
	{"data offset 0", web, func(f []byte, l4 int) []byte { f[l4+12] = 0; return f }},
	{"data offset beyond the end", web, func(f []byte, l4 int) []byte { f[l4+12] = 0xf0; return shorten(f, l4+24) }},
	{"end within the header, and padding", web, func(f []byte, l4 int) []byte { shorten(f, l4+12); return f }},
}

var udpMutations = []mutation{
	// Without ports it is the address's service that counts.
	{"UDP header cut off", web, func(f []byte, l4 int) []byte { return shorten(f, l4+7) }},
	{"UDP length 7", dns, func(f []byte, l4 int) []byte { f[l4+4], f[l4+5] = 0, 7; return f }},
	{"UDP length beyond the end", dns, func(f []byte, l4 int) []byte { f[l4+4] = 0x70; return f }},
}

// shorten cuts a frame and makes its IP length right.
func shorten(f []byte, n int) []byte {
	setLength(f, n)
	return f[:n]
}

// setLength makes a frame's IP length as if the frame had n bytes.
func setLength(f []byte, n int) {
	if f[14]>>4 == 4 {
		binary.BigEndian.PutUint16(f[16:], uint16(n-14))
	} else {
		binary.BigEndian.PutUint16(f[18:], uint16(n-54))
	}
}

func TestMalformed(t *testing.T) {
	d := shared.Use(t)
	for _, f := range families() {
		ip := ipv4Mutations
		if f.vip.Is6() {
			ip = ipv6Mutations
		}
		for name, c := range map[string]struct {
			packet func(w *world) bpftest.Packet
			lists  [][]mutation
		}{
			"SYN":                 {func(w *world) bpftest.Packet { return w.syn(40000, 80) }, [][]mutation{ip, tcpMutations}},
			"a client's segment":  {func(w *world) bpftest.Packet { return w.connect(40000, 80).in(ack, clientISN+1, serverISN+1, "data") }, [][]mutation{tcpMutations}},
			"a server's segment":  {serverSegment, [][]mutation{tcpMutations[:1], tcpMutations[3:5]}},
			"a client's datagram": {func(w *world) bpftest.Packet { return bpftest.Datagram(w.from(40000), w.at(53), "query") }, [][]mutation{udpMutations}},
		} {
			for _, list := range c.lists {
				for _, m := range list {
					t.Run(f.name+"/"+name+"/"+m.name, func(t *testing.T) {
						w := newWorld(t, d, f)
						w.malformed(c.packet(w), m)
					})
				}
			}
		}
	}
}

func serverSegment(w *world) bpftest.Packet {
	return w.connect(40000, 80).out(ack, serverISN+1, clientISN+1, "data")
}

// malformed expects a mutated packet dropped, and not a bit of any connection
// changed.
func (w *world) malformed(p bpftest.Packet, m mutation) {
	w.Helper()
	before := w.snapshot()
	frame := m.do(p.Bytes(), bpftest.EthernetLen+len(p.Quote(0)))
	w.sendFrame(frame, want{reason: dropMalformed, service: m.service, verdict: bpftest.Shot, reals: map[uint32]bpftest.Change{}})
	if after := w.snapshot(); after != before {
		w.Errorf("connections changed:\n%v\nwere\n%v", after, before)
	}
}

// snapshot is all of the connection table that the tests of a packet's effect
// compare: what a later packet may find.
type snapshot struct {
	entries int
	gauge   bpf.Gauge
	first   [8]bpf.Conn
}

func (w *world) snapshot() snapshot {
	w.Helper()
	s := snapshot{entries: w.Entries(w.TB), gauge: bpftest.Get[bpf.Gauge](w.TB, w.Gauges, uint32(0))}
	for i := range s.first {
		s.first[i] = bpftest.Get[bpf.Conn](w.TB, w.Conns, uint32(i))
	}
	return s
}
