package bpf_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

// What is not ours leaves the program without a byte changed.
func TestPassesWhatIsNotOurs(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		c := w.connect(40000, 80)
		frame := func(kind uint16, body ...byte) []byte {
			b := binary.BigEndian.AppendUint16(c.in(ack, 1, 1, "").Bytes()[:12], kind)
			return append(b, body...)
		}
		away := netip.AddrPortFrom(w.stranger, 80)
		echo := bpftest.Message(w.client, w.vip, w.echoType(), 0, 1<<16|7, []byte("are you there?"))
		for name, c := range map[string]struct {
			frame   []byte
			service int
			reason  bpf.Reason
		}{
			"ARP":                                {frame(0x0806, 0, 1, 8, 0), bpftest.NoService, passNotIP},
			"a VLAN tag":                         {frame(0x8100, 0, 1, 8, 0), bpftest.NoService, passNotIP},
			"a frame of 15 bytes":                {frame(0x88cc, 0), bpftest.NoService, passNotIP},
			"TCP to a stranger":                  {bpftest.Segment(w.from(40000), away, syn, 1, 0, "").Bytes(), bpftest.NoService, passOther},
			"UDP to a stranger":                  {bpftest.Datagram(w.from(40000), away, "x").Bytes(), bpftest.NoService, passOther},
			"a stranger's ICMP echo":             {bpftest.Message(w.client, w.stranger, w.echoType(), 0, 7, nil).Bytes(), bpftest.NoService, passOther},
			"from a server, of no connection":    {bpftest.Segment(c.server, w.from(1), ack, 1, 1, "").Bytes(), bpftest.NoService, passOther},
			"TCP to another port of the VIP":     {bpftest.Segment(w.from(40000), w.at(22), syn, 1, 0, "").Bytes(), bpftest.NoService, passOther},
			"UDP to a TCP port of the VIP":       {bpftest.Datagram(w.from(40000), w.at(80), "x").Bytes(), bpftest.NoService, passOther},
			"TCP from another client to servers": {bpftest.Segment(netip.AddrPortFrom(w.other, 40000), c.server, ack, 1, 1, "").Bytes(), bpftest.NoService, passOther},
			"an echo to the VIP":                 {echo.Bytes(), web, passHost},
			"another protocol to the VIP":        {bpftest.Packet{Src: w.from(0), Dst: w.at(0), Proto: 132, TTL: 9, Payload: make([]byte, 12)}.Bytes(), web, passHost},
		} {
			w.T().Run(name, func(t *testing.T) {
				w := &world{t, w.Datapath, w.family}
				w.sendFrame(c.frame, want{reason: c.reason, service: c.service, verdict: bpftest.Next, same: true})
			})
		}
	})
}

func (w *world) echoType() uint8 {
	if w.vip.Is4() {
		return 8
	}
	return 128
}

// T is the test itself, for subtests.
func (w *world) T() *testing.T { return w.TB.(*testing.T) }

// Extension headers are not followed, but for a fragment's that is none (RFC 6946).
func TestIPv6Extensions(t *testing.T) {
	d := shared.Use(t)
	w := newWorld(t, d, families()[1])
	options := []byte{6, 0, 1, 4, 0, 0, 0, 0} // next TCP, 8 bytes: PadN
	for name, next := range map[string]uint8{"hop-by-hop": 0, "routing": 43, "destination": 60, "authentication": 51} {
		t.Run(name, func(t *testing.T) {
			p := w.syn(40000, 80)
			p.Next, p.Extensions = next, options
			w.passes(p, bpftest.NoService, passExtension)
		})
	}
	t.Run("atomic fragment", func(t *testing.T) {
		c := w.connect(40000, 80)
		p := c.in(ack, clientISN+1, serverISN+1, "data")
		p.Next, p.Extensions = 44, []byte{6, 0, 0, 0, 1, 2, 3, 4}
		c.says(p, bpftest.Change{})
	})
}
