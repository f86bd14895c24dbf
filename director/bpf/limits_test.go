package bpf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/ballast-lb/ballast/internal/skip"
)

// A packet is not forwarded with a TTL of 0 (RFC 1812, 5.3.1).
func TestTTL(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		u := w.first(bpftest.Datagram(w.from(40000), w.at(53), "query"))
		toServer, toClient := c.in(ack, clientISN+1, serverISN+1, "data"), c.out(ack, serverISN+1, clientISN+1, "data")
		query, answer := bpftest.Datagram(u.client, u.vip, "query"), bpftest.Datagram(u.server, u.local, "answer")
		for _, ttl := range []uint8{0, 1} {
			for _, p := range []*bpftest.Packet{&toServer, &toClient, &query, &answer} {
				p.TTL = ttl
			}
			w.drops(toServer, web, dropTTL)
			w.drops(toClient, web, dropTTL)
			w.drops(query, dns, dropTTL)
			w.drops(answer, dns, dropTTL)
		}
		toServer.TTL, toClient.TTL = 2, 2
		c.says(toServer, bpftest.Change{})
		c.hears(toClient, bpftest.Change{})
	})
}

func TestPacketLongerThanTheWay(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		head := uint32(40)
		if w.vip.Is6() {
			head = 60
		}
		c := w.connect(40000, 80)
		w.edit(web, c.index, func(r *bpf.Real) { r.Mtu = head + 500 })
		fits := c.in(ack, clientISN+1, serverISN+1, strings.Repeat("x", 500))
		c.says(fits, bpftest.Change{})
		long := c.in(ack, clientISN+1, serverISN+1, strings.Repeat("x", 501))
		w.drops(long, web, dropTooBig)
		asks := w.Asks(w.TB)
		if len(asks) != 1 {
			w.Fatalf("%d asks, want 1", len(asks))
		}
		a := asks[0]
		if a.Kind != uint32(bpf.DirectorAskKindASK_TOO_BIG) || a.Mtu != head+500 || a.Ifindex != 1 || a.Len != 128 || !bytes.Equal(a.Head[:], long.IP()[:128]) {
			w.Errorf("asked %+v, want too big for %d and the packet's head", a, head+500)
		}
		// The answer's way is another.
		answer := c.out(ack, serverISN+1, clientISN+1, strings.Repeat("x", 900))
		c.hears(answer, bpftest.Change{})
		f, _ := w.Find(w.TB, answer)
		bpftest.Edit(w.TB, w.Conns, f.ID, func(c *bpf.Conn) { c.Mtu = head + 899 })
		w.drops(answer, web, dropTooBig)
		if asks := w.Asks(w.TB); len(asks) != 1 || asks[0].Mtu != head+899 || !bytes.Equal(asks[0].Head[:], answer.IP()[:128]) {
			w.Errorf("asked %+v, want too big for %d and the answer's head", asks, head+899)
		}
	})
}

// What the stack has merged is cut again on the way out: only a segment counts.
func TestMergedSegments(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		w.edit(web, c.index, func(r *bpf.Real) { r.Mtu = 560 })
		p := c.in(ack, clientISN+1, serverISN+1, strings.Repeat("x", 2000))
		r := w.RunWith(w.TB, p.Bytes(), &bpftest.Context{GSOSize: 500, GSOSegs: 4}, 0)
		if r.Verdict != bpftest.Redirect || r.Reasons[bpftest.Counter{Service: web, Reason: forwardIn}] != 1 {
			w.Fatalf("verdict %d and counted %s, want it forwarded", r.Verdict, r.Counted())
		}
		w.same(r.Packet, c.toServer(p))
		r = w.RunWith(w.TB, p.Bytes(), &bpftest.Context{GSOSize: 521, GSOSegs: 4}, 0)
		if r.Reasons[bpftest.Counter{Service: web, Reason: dropTooBig}] != 1 {
			w.Errorf("verdict %d and counted %s, want its segments too big", r.Verdict, r.Counted())
		}
	})
}

// part makes a packet a fragment: offset in units of 8 bytes.
func part(p bpftest.Packet, id uint16, offset uint16, more bool) bpftest.Packet {
	if p.Is4() {
		p.ID, p.Fragment = id, offset
		if more {
			p.Fragment |= bpftest.MF
		}
		return p
	}
	p.Next = 44
	p.Extensions = []byte{p.Proto, 0, byte(offset >> 5), byte(offset << 3), 0, 0, byte(id >> 8), byte(id)}
	if more {
		p.Extensions[3] |= 1
	}
	return p
}

// later is a fragment after the first.
func later(p bpftest.Packet, id, offset uint16, payload string) bpftest.Packet {
	p = part(p, id, offset, false)
	p.Bare, p.Payload = true, []byte(payload)
	return p
}

func TestFragments(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		u := w.first(bpftest.Datagram(w.from(40000), w.at(53), "query"))
		query, answer := bpftest.Datagram(u.client, u.vip, "12345678"), bpftest.Datagram(u.server, u.local, "12345678")

		w.drops(later(query, 7, 2, "tail"), web, dropFragment) // the address's service
		w.forwards(part(query, 7, 0, true), u.toServer(part(query, 7, 0, true)), dns, forwardIn)
		w.forwards(later(query, 7, 2, "tail"), u.toServer(later(query, 7, 2, "tail")), dns, forwardIn)
		w.drops(later(query, 8, 2, "tail"), web, dropFragment)

		w.passes(later(answer, 9, 2, "tail"), bpftest.NoService, passOther)
		w.forwards(part(answer, 9, 0, true), u.toClient(part(answer, 9, 0, true)), dns, forwardOut)
		w.forwards(later(answer, 9, 2, "tail"), u.toClient(later(answer, 9, 2, "tail")), dns, forwardOut)

		segment := c.in(ack, clientISN+1, serverISN+1, "12345678")
		w.drops(later(segment, 7, 2, "tail"), web, dropFragment) // the datagram's id, but TCP
		w.forwards(part(segment, 7, 0, true), c.toServer(part(segment, 7, 0, true)), web, forwardIn)
		w.forwards(later(segment, 7, 2, "tail"), c.toServer(later(segment, 7, 2, "tail")), web, forwardIn)

		stranger := bpftest.Datagram(w.from(40000), u.server, "x")
		w.passes(later(stranger, 7, 2, "tail"), bpftest.NoService, passOther)
	})
}

// The first fragment of a new datagram opens its connection.
func TestFragmentOpens(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		query := part(bpftest.Datagram(w.from(40000), w.at(53), "12345678"), 7, 0, true)
		u := w.first(query)
		w.forwards(later(query, 7, 2, "tail"), u.toServer(later(query, 7, 2, "tail")), dns, forwardIn)
	})
}

// haveChecksumComplete skips the test on kernels that do not know the flag.
func haveChecksumComplete(w *world) {
	frame := bpftest.Datagram(w.from(1), netip.AddrPortFrom(w.stranger, 1), "x").Bytes()
	_, _, err := w.Forwarded(frame, &bpftest.Context{}, bpftest.ChecksumComplete)
	if errors.Is(err, syscall.EINVAL) {
		skip.UnlessCI(w, "BPF_F_TEST_SKB_CHECKSUM_COMPLETE is not known to this kernel: %v", err)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// A card that sums a packet up gives it with CHECKSUM_COMPLETE, which must hold
// after the translation: a stack behind would drop it.
func TestChecksumComplete(t *testing.T) {
	d := shared.Use(t)
	for _, vport := range []uint16{80, 443} {
		t.Run(modeOf(vport), func(t *testing.T) {
			eachFamily(t, d, func(w *world) {
				haveChecksumComplete(w)
				c := w.connect(40000, vport)
				u := w.first(bpftest.Datagram(w.from(40001), w.at(53), "query"))
				for name, p := range map[string]bpftest.Packet{
					"segment to the server":  c.in(ack, clientISN+1, serverISN+1, "data"),
					"segment to the client":  c.out(ack, serverISN+1, clientISN+1, "odd"),
					"datagram to the server": bpftest.Datagram(u.client, u.vip, "query"),
					"datagram to the client": bpftest.Datagram(u.server, u.local, "answer"),
					"error to the client":    w.unreachable(w.route, c.local.Addr(), 1, c.toServer(c.in(ack, clientISN+1, 1, "data")).Quote(-1)),
				} {
					out, verdict, err := w.Forwarded(p.Bytes(), &bpftest.Context{}, bpftest.ChecksumComplete)
					if err != nil || verdict != bpftest.Redirect {
						w.Errorf("%s: verdict %d: %v", name, verdict, err)
						continue
					}
					if err := bpftest.Check(out); err != nil {
						w.Errorf("%s: %v", name, err)
					}
				}
			})
		})
	}
}

// unreachable is an ICMP error about a quoted packet: code 1 of IPv4's type 3
// and code 0 of IPv6's type 1 are the usual ones of a router.
func (w *world) unreachable(from, to netip.Addr, code uint8, quote []byte) bpftest.Packet {
	if w.vip.Is4() {
		return bpftest.Message(from, to, 3, code, 0, quote)
	}
	return bpftest.Message(from, to, 1, code, 0, quote)
}

func TestUDPChecksumOfZero(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		u := w.first(bpftest.Datagram(w.from(40000), w.at(53), "query"))
		p := mangled(w.TB, bpftest.Datagram(u.client, u.vip, "ab"), u.toServer)
		w.forwards(p, u.toServer(p), dns, forwardIn)
		p = mangled(w.TB, bpftest.Datagram(u.server, u.local, "ab"), u.toClient)
		w.forwards(p, u.toClient(p), dns, forwardOut)
		if w.vip.Is6() {
			return
		}
		plain := bpftest.Datagram(u.client, u.vip, "no checksum")
		plain.NoChecksum = true
		w.forwards(plain, u.toServer(plain), dns, forwardIn)
		plain = bpftest.Datagram(u.server, u.local, "no checksum")
		plain.NoChecksum = true
		w.forwards(plain, u.toClient(plain), dns, forwardOut)
	})
}

// mangled finds data whose checksum is 0 when translated, which is sent as
// ffff (RFC 768).
func mangled(t testing.TB, p bpftest.Packet, translate func(bpftest.Packet) bpftest.Packet) bpftest.Packet {
	t.Helper()
	for i := range 1 << 16 {
		p.Payload = []byte{byte(i >> 8), byte(i)}
		out := translate(p).IP()
		at := len(out) - 4
		if binary.BigEndian.Uint16(out[at:]) == 0xffff && binary.BigEndian.Uint16(p.IP()[at:]) != 0xffff {
			return p
		}
	}
	t.Fatal("no such data")
	return p
}
