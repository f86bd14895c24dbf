package probe

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// serveDNS answers each query with what answer makes of it.
func serveDNS(t *testing.T, answer func(q *dns.Msg) []*dns.Msg) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		for _, m := range answer(q) {
			_ = w.WriteMsg(m)
		}
	})}
	done := make(chan struct{})
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { defer close(done); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-done })
	return addrOf(conn.LocalAddr())
}

func TestDNS(t *testing.T) {
	rcode := func(code int) func(*dns.Msg) []*dns.Msg {
		return func(q *dns.Msg) []*dns.Msg { return []*dns.Msg{new(dns.Msg).SetRcode(q, code)} }
	}
	tests := []struct {
		name    string
		answer  func(*dns.Msg) []*dns.Msg
		timeout time.Duration
		err     string
	}{
		{"NOERROR", rcode(dns.RcodeSuccess), ample, ""},
		{"REFUSED", rcode(dns.RcodeRefused), ample, "dns ADDR example.org.: REFUSED"},
		{"SERVFAIL", rcode(dns.RcodeServerFailure), ample, "dns ADDR example.org.: SERVFAIL"},
		{"another question", func(q *dns.Msg) []*dns.Msg {
			if q.Question[0].Qtype != dns.TypeSOA || q.Question[0].Name != "example.org." {
				return rcode(dns.RcodeFormatError)(q)
			}
			return rcode(dns.RcodeSuccess)(q)
		}, ample, ""},
		{"an answer to somebody else comes first", func(q *dns.Msg) []*dns.Msg {
			stray := new(dns.Msg).SetRcode(q, dns.RcodeRefused)
			stray.Id++
			return append([]*dns.Msg{stray}, rcode(dns.RcodeSuccess)(q)...)
		}, ample, ""},
		{"no answer", func(*dns.Msg) []*dns.Msg { return nil }, 50 * time.Millisecond, "dns ADDR example.org.: timeout after 50ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := Target{Addr: serveDNS(t, tt.answer)}
			_, err := probe(t, Spec{Kind: "dns", Query: "example.org"}, target, tt.timeout)
			wantErr(t, err, target, tt.err)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		target := Target{Addr: addrOf(conn.LocalAddr())}
		_ = conn.Close()
		_, err = probe(t, Spec{Kind: "dns"}, target, ample)
		wantErr(t, err, target, "dns ADDR .: connection refused")
	})
}
