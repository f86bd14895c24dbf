package ballast

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// secondary is somebody who is told of changes.
type secondary struct {
	addr     string
	notified chan *dns.Msg
}

func newSecondary(t testing.TB) *secondary {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &secondary{addr: pc.LocalAddr().String(), notified: make(chan *dns.Msg, 100)}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(started) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			s.notified <- r
			w.WriteMsg(new(dns.Msg).SetReply(r))
		})}
	done := make(chan struct{})
	go func() { defer close(done); server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { server.Shutdown(); <-done })
	return s
}

// told waits for the NOTIFY of a change.
func (s *secondary) told(t testing.TB, timeout time.Duration, change int) {
	t.Helper()
	select {
	case m := <-s.notified:
		if m.Opcode != dns.OpcodeNotify || m.Question[0].Name != "example.org." || m.Question[0].Qtype != dns.TypeSOA {
			t.Errorf("The secondary got\n%v", m)
		}
	case <-time.After(timeout):
		t.Fatalf("The secondary was not told of change %d", change)
	}
}

// quiet fails if the secondary is told of anything.
func (s *secondary) quiet(t testing.TB) {
	t.Helper()
	select {
	case m := <-s.notified:
		t.Errorf("The secondary was told\n%v", m)
	default:
	}
}
