package bpf_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// translated is an ICMP error on its way, to another address and with another
// quote.
func translated(e bpftest.Packet, to netip.Addr, quote []byte) bpftest.Packet {
	e.Dst, e.TTL, e.Payload = netip.AddrPortFrom(to, 0), e.TTL-1, quote
	return e
}

// icmpErrors are the types and codes of errors by family.
func (w *world) icmpErrors() [][2]uint8 {
	if w.vip.Is4() {
		return [][2]uint8{{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}, {3, 5}, {3, 13}, {3, 15}, {11, 0}, {11, 1}, {12, 0}}
	}
	return [][2]uint8{{1, 0}, {1, 1}, {1, 3}, {1, 4}, {1, 6}, {2, 0}, {3, 0}, {3, 1}, {4, 0}, {4, 1}}
}

// exchange is a connection in which both sides have sent a packet that an ICMP
// error may quote: in the client's words, and in the server's.
type exchange struct {
	*dialog
	asked, told bpftest.Packet // of the client and of the server, as they sent them
}

func (w *world) exchange(proto uint8, vport uint16) exchange {
	w.Helper()
	if proto == bpftest.TCP {
		c := w.connect(40000, vport)
		return exchange{c, c.in(ack, clientISN+1, serverISN+1, "question"), c.out(ack, serverISN+1, clientISN+1, "an odd answer")}
	}
	q := bpftest.Datagram(w.from(40000), w.at(vport), "question")
	c := w.first(q)
	return exchange{c, q, bpftest.Datagram(c.server, c.local, "an odd answer")}
}

// Every type and code, over both transports and modes, in both directions, with
// the quote whole, 8 bytes of the transport's header, or all of its header.
func TestICMPErrors(t *testing.T) {
	d := shared.Use(t)
	for _, c := range []struct {
		name  string
		proto uint8
		vport uint16
	}{{"TCP/nat", bpftest.TCP, 80}, {"TCP/fullnat", bpftest.TCP, 443}, {"UDP/nat", bpftest.UDP, 53}, {"UDP/fullnat", bpftest.UDP, 443}} {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{-1, 8, 20} {
				t.Run(fmt.Sprint("quote ", n), func(t *testing.T) {
					eachFamily(t, d, func(w *world) {
						w.exchange(c.proto, c.vport).errors(n)
					})
				})
			}
		})
	}
}

func (x exchange) errors(n int) {
	x.Helper()
	for _, kind := range x.icmpErrors() {
		message := func(from, to netip.Addr, quote []byte) bpftest.Packet {
			return bpftest.Message(from, to, kind[0], kind[1], 0x00000578, quote)
		}
		// A router, and the server itself, about what the client asked.
		out := message(x.route, x.local.Addr(), x.toServer(x.asked).Quote(n))
		x.forwards(out, translated(out, x.client.Addr(), shortTTL(x.asked).Quote(n)), int(x.service), forwardICMPOut)
		out = message(x.server.Addr(), x.local.Addr(), x.toServer(x.asked).Quote(n))
		want := translated(out, x.client.Addr(), shortTTL(x.asked).Quote(n))
		want.Src = netip.AddrPortFrom(x.vip.Addr(), 0)
		x.forwards(out, want, int(x.service), forwardICMPOut)
		// A router, and the client itself, about what the server told.
		in := message(x.route, x.vip.Addr(), x.toClient(x.told).Quote(n))
		x.forwards(in, translated(in, x.server.Addr(), shortTTL(x.told).Quote(n)), int(x.service), forwardICMPIn)
		in = message(x.client.Addr(), x.vip.Addr(), x.toClient(x.told).Quote(n))
		want = translated(in, x.server.Addr(), shortTTL(x.told).Quote(n))
		want.Src = netip.AddrPortFrom(x.local.Addr(), 0)
		x.forwards(in, want, int(x.service), forwardICMPIn)
	}
}

// shortTTL is a packet as a router behind the director saw it, but for its
// addresses: the quote keeps the TTL that it had there.
func shortTTL(p bpftest.Packet) bpftest.Packet {
	p.TTL--
	return p
}

func TestICMPErrorsThatAreNotTranslated(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		sent := c.toServer(c.in(ack, clientISN+1, serverISN+1, "question"))
		unknown := sent
		unknown.Src = w.from(1)
		udp := bpftest.Datagram(sent.Src, sent.Dst, "x")
		other := sent
		other.Proto, other.Payload = 132, make([]byte, 16)
		cut := w.unreachable(w.route, w.client, 1, sent.Quote(7))
		w.passes(cut, none, passOther)
		for name, quote := range map[string][]byte{
			"of no connection":       unknown.Quote(-1),
			"of another transport":   udp.Quote(-1),
			"of a third protocol":    other.Quote(-1),
			"of a later fragment":    later(sent, 7, 4, "12345678").Quote(-1),
			"nothing":                nil,
			"of another IP version":  append([]byte{0x50}, sent.Quote(-1)[1:]...),
			"the packet as it came":  c.in(ack, clientISN+1, serverISN+1, "question").Quote(-1),
			"an ICMP error, in vain": w.unreachable(w.client, w.route, 1, sent.Quote(8)).Quote(-1),
		} {
			w.T().Run(name, func(t *testing.T) {
				w := &world{t, w.Datapath, w.family}
				w.passes(w.unreachable(w.route, w.client, 1, quote), none, passOther)
				// To the VIP it is the host's.
				w.passes(w.unreachable(w.route, w.vip, 1, quote), web, passHost)
			})
		}
	})
}

// Quotes with options in the IP header, of a first fragment, or without a UDP
// checksum.
func TestICMPQuotesOfUnusualPackets(t *testing.T) {
	d := shared.Use(t)
	w := newWorld(t, d, families()[0])
	x := w.exchange(bpftest.UDP, 53)
	plain := x.asked
	plain.NoChecksum = true
	first := part(x.asked, 7, 0, true)
	for name, p := range map[string]bpftest.Packet{"without a checksum": plain, "of a first fragment": first} {
		t.Run(name, func(t *testing.T) {
			w := &world{t, w.Datapath, w.family}
			e := w.unreachable(w.route, x.local.Addr(), 3, x.toServer(p).Quote(-1))
			w.forwards(e, translated(e, x.client.Addr(), shortTTL(p).Quote(-1)), dns, forwardICMPOut)
		})
	}
}

// An error about a UDP request that cannot be delivered counts against the
// server; one about a reply, or too big, does not.
func TestICMPErrorsCount(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		x := w.exchange(bpftest.UDP, 53)
		count := func(p bpftest.Packet, want bpftest.Change) {
			w.Helper()
			r := w.Run(w.TB, p.Bytes())
			if got := r.Reals[x.real()]; got != want {
				w.Errorf("counted %+v, want %+v", got, want)
			}
		}
		count(w.unreachable(x.server.Addr(), x.local.Addr(), 3, x.toServer(x.asked).Quote(8)), bpftest.Change{Unreachables: 1, Streak: 1})
		count(w.unreachable(x.server.Addr(), x.local.Addr(), 3, x.toServer(x.asked).Quote(8)), bpftest.Change{}) // once is enough
		count(w.unreachable(w.client, w.vip, 3, x.toClient(x.told).Quote(8)), bpftest.Change{})
		big := bpftest.Message(w.route, x.local.Addr(), 3, 4, 1400, x.toServer(x.asked).Quote(8))
		if w.vip.Is6() {
			big.Type, big.Code = 2, 0
		}
		count(big, bpftest.Change{})
		c := w.connect(40000, 80)
		r := w.Run(w.TB, w.unreachable(w.route, c.local.Addr(), 1, c.toServer(c.in(ack, 1, 1, "")).Quote(8)).Bytes())
		if len(r.Reals) != 0 {
			w.Errorf("an established connection's counted %v (soft: RFC 5927)", r.Touched())
		}
		c.stateIs(bpf.DirectorConnStateSTATE_ESTABLISHED)
	})
}

func TestICMPErrorTTL(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		x := w.exchange(bpftest.TCP, 80)
		e := w.unreachable(w.route, x.local.Addr(), 1, x.toServer(x.asked).Quote(8))
		e.TTL = 1
		w.drops(e, web, dropTTL)
	})
}
