package ballast

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"

	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

// transferred is the zone as a secondary gets it.
func (s *server) transferred(change ...func(*dns.Msg)) []dns.RR {
	s.t.Helper()
	m := new(dns.Msg).SetAxfr("example.org.")
	for _, c := range change {
		c(m)
	}
	envelopes, err := new(dns.Transfer).In(m, s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	var rrs []dns.RR
	for e := range envelopes {
		if e.Error != nil {
			s.t.Fatal(e.Error)
		}
		rrs = append(rrs, e.RR...)
	}
	return rrs
}

// at are the addresses in records at a name.
func at(rrs []dns.RR, owner string) (addrs []string) {
	for _, rr := range rrs {
		if rr.Header().Name != owner {
			continue
		}
		switch rr := rr.(type) {
		case *dns.A:
			addrs = append(addrs, rr.A.String())
		case *dns.AAAA:
			addrs = append(addrs, rr.AAAA.String())
		}
	}
	slices.Sort(addrs)
	return addrs
}

const allowTransfers = "transfer {\nto *\n}\nballast DIR/zone {\nreload 0\n}"

func TestZoneTransfer(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, allowTransfers)
	until(t, "the dead pool is known to be dead", 5*time.Second, func() bool {
		return slices.Equal(addresses(s.ask("down.example.org.", dns.TypeA)), []string{"192.0.2.77"})
	})
	rrs := s.transferred()
	first, last := rrs[0].Header().Rrtype, rrs[len(rrs)-1].Header().Rrtype
	if first != dns.TypeSOA || last != dns.TypeSOA {
		t.Errorf("First and last are %s and %s, not SOA", dns.TypeToString[first], dns.TypeToString[last])
	}
	soas := 0
	for _, rr := range rrs {
		if rr.Header().Rrtype == zones.TypeLB || rr.Header().Rrtype >= 0xFF00 {
			t.Errorf("A record of a private type is transferred: %v", rr)
		}
		if rr.Header().Rrtype == dns.TypeSOA {
			soas++
		}
	}
	if soas != 2 {
		t.Errorf("%d SOA records, want 2", soas)
	}
	for owner, want := range map[string]string{
		"www":    "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1",
		"one":    "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1",
		"*.wild": "192.0.2.3",
		"all":    "127.0.0.1",
		"none":   "",
		"down":   "192.0.2.77",
		"chain":  "192.0.2.77",
		"web1":   "192.0.2.1 2001:db8::1",
		"ns.sub": "192.0.2.99",
	} {
		if got := strings.Join(at(rrs, owner+".example.org."), " "); got != want {
			t.Errorf("%s is transferred as %q, want %q", owner, got, want)
		}
	}
	for _, line := range []string{"alias.example.org. CNAME three.example.org.", `*.star.example.org. TXT "y"`, "_http._tcp.example.org. SRV 10 4 80 web1.example.org."} {
		if !slices.Contains(texts(rrs), line) {
			t.Errorf("Not transferred: %s", line)
		}
	}
}

func TestTransferLacksDrainedServers(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, allowTransfers)
	word := control.Override{Server: "web1.example.org:80", Drain: true}
	if _, err := (&operator{hub: s.hub()}).SetOverride(context.Background(), word); err != nil {
		t.Fatal(err)
	}
	rrs := s.transferred()
	if got := at(rrs, "www.example.org."); !slices.Equal(got, []string{"192.0.2.2", "192.0.2.3"}) {
		t.Errorf("With web1 drained www is transferred as %v", got)
	}
	if got := at(rrs, "web1.example.org."); len(got) != 2 {
		t.Errorf("The host itself is transferred as %v, but its own name is not steered", got)
	}
}

func TestIncrementalTransferOfWhatIsKnown(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, allowTransfers)
	rrs := s.transferred(func(m *dns.Msg) { m.SetIxfr("example.org.", 1, "ns1.example.org.", "hostmaster.example.org.") })
	if len(rrs) != 1 || rrs[0].Header().Rrtype != dns.TypeSOA {
		t.Errorf("IXFR from the present serial brought %v, want the SOA alone", rrs)
	}
	rrs = s.transferred(func(m *dns.Msg) { m.SetIxfr("example.org.", 0, "ns1.example.org.", "hostmaster.example.org.") })
	if len(rrs) < 5 {
		t.Errorf("IXFR from an older serial brought %d records, want the whole zone", len(rrs))
	}
}

func TestReloadNotifiesSecondaries(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	notified := make(chan *dns.Msg, 10)
	started := make(chan struct{})
	secondary := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(started) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			notified <- r
			w.WriteMsg(new(dns.Msg).SetReply(r))
		})}
	done := make(chan struct{})
	go func() { defer close(done); secondary.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { secondary.Shutdown(); <-done })

	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "transfer {\nto "+pc.LocalAddr().String()+"\n}\nballast DIR/zone {\nreload 20ms\n}")
	writeZone(t, dir, "zone", webPool+`version IN TXT "two"`+"\n")
	select {
	case m := <-notified:
		if m.Opcode != dns.OpcodeNotify || m.Question[0].Name != "example.org." || m.Question[0].Qtype != dns.TypeSOA {
			t.Errorf("The secondary got\n%v", m)
		}
		if s.txt("version.example.org.") != "two" {
			t.Error("The secondary was told before the new zone was served")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("The secondary was not told of the changed zone")
	}
}
