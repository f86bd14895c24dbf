//go:build linux

package director_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// TestLateAnswer: a server answers the first SYN only when the connection has
// long gone to another. The client never sees that answer, nor has the server
// a connection left.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{Servers: 2})
	echoes := w.echoes(80)
	// No check, and no ejection: the servers are known by nothing else.
	const blind = `scheduler = "rr"
check "none" {}
eject { consecutive = 0 }`
	w.configure(w.vip("web", w.VIP(0), 80, blind), w.vip("web6", w.VIP6(0), 80, blind))
	w.start()
	sniffer, err := w.Client.Sniff("c0", isSYNACK)
	if err != nil {
		t.Fatal(err)
	}
	defer sniffer.Close()
	unmute := mute(t, w, w.Servers[0])
	const count = 10
	begun := time.Now()
	conns := make(chan []*idle, 2)
	for _, vip := range []netip.Addr{w.VIP(0), w.VIP6(0)} {
		go func() { conns <- together(t, w, at(vip, 80), count) }()
	}
	all := append(<-conns, <-conns...)
	t.Logf("%d connections were open after %v", len(all), time.Since(begun))
	unmute()
	// The server sends its SYN-ACKs again, and is told by RST.
	eventually(t, "late answers", func() error {
		if a, b := w.reason("web", "reset_late"), w.reason("web6", "reset_late"); a < count/2 || b < count/2 {
			return fmt.Errorf("%d and %d were reset", a, b)
		}
		return nil
	})
	alive(t, all, "")
	if n := echoes[0].Stats().Accepted; n > 0 {
		t.Errorf("The late server has %d connections", n)
	}
	sniffer.Close()
	isns := map[string]map[uint32]bool{}
	for f := range sniffer.Frames {
		client, isn := synack(f.Data)
		if isns[client] == nil {
			isns[client] = map[uint32]bool{}
		}
		isns[client][isn] = true
	}
	if len(isns) != 2*count {
		t.Errorf("SYN-ACKs came to %d clients", len(isns))
	}
	for client, seen := range isns {
		if len(seen) != 1 {
			t.Errorf("Client %x saw SYN-ACKs with the sequence numbers %v", client, seen)
		}
	}
}

// mute lets a server hear all, and takes away what it says on its way: it must
// not notice. unmute ends that.
func mute(t *testing.T, w *world, s *lab.Server) (unmute func()) {
	t.Helper()
	err := w.Director.Nft(fmt.Sprintf(`table netdev mute {
	chain in {
		type filter hook ingress device %q priority 0;
		meta l4proto tcp drop
	}
}`, s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := w.Director.Nft("delete table netdev mute"); err != nil {
			t.Fatal(err)
		}
	}
}

// isSYNACK keeps TCP segments with SYN and ACK.
func isSYNACK(f []byte) bool {
	at, ok := tcpAt(f)
	return ok && f[at+13]&0x12 == 0x12
}

// tcpAt is where a frame's TCP header begins. There are no options.
func tcpAt(f []byte) (int, bool) {
	switch {
	case len(f) >= 54 && binary.BigEndian.Uint16(f[12:]) == 0x0800 && f[23] == 6:
		return 34, true
	case len(f) >= 74 && binary.BigEndian.Uint16(f[12:]) == 0x86dd && f[20] == 6:
		return 54, true
	}
	return 0, false
}

// synack is the client that a SYN-ACK goes to, and the server's first sequence
// number.
func synack(f []byte) (client string, isn uint32) {
	at, _ := tcpAt(f)
	return string(f[12:14]) + string(f[at+2:at+4]), binary.BigEndian.Uint32(f[at+4:])
}
