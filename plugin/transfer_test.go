package ballast

import (
	"slices"
	"strings"
	"testing"
	"time"

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
	for _, rr := range rrs {
		if name := rr.Header().Name; name == "www.example.org." && rr.Header().Ttl != 10 {
			t.Errorf("The TTL is not the shortest of the LB record: %v", rr)
		}
	}
	for _, line := range []string{"alias.example.org. CNAME three.example.org.", `*.star.example.org. TXT "y"`, "_http._tcp.example.org. SRV 10 4 80 web1.example.org.",
		"www.example.org. SRV 10 1000 80 web1.example.org.", "www.example.org. SRV 10 250 80 web3.example.org.",
		"_http._tcp.www.example.org. SRV 10 500 80 web2.example.org.", "_80._tcp.www.example.org. SRV 10 500 80 web2.example.org."} {
		if !slices.Contains(texts(rrs), line) {
			t.Errorf("Not transferred: %s", line)
		}
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
	secondary := newSecondary(t)
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, "transfer {\nto "+secondary.addr+"\n}\nballast DIR/zone {\nreload 20ms\n}")
	secondary.told(t, 5*time.Second, 1) // of what there is now
	writeZone(t, dir, "zone", webPool+`version IN TXT "two"`+"\n")
	secondary.told(t, 5*time.Second, 2)
	if s.txt("version.example.org.") != "two" {
		t.Error("The secondary was told before the new zone was served")
	}
}

// Where the record names no min-ttl, and no policy that it depends on, a
// secondary still gets the shortest TTL that an answer could carry.
func TestTransferredTTL(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+"plain 60 IN LB srv _http._tcp check=none\nadapting 1200 IN LB srv _http._tcp check=none policy=headroom\nown 60 IN LB srv _http._tcp check=none min-ttl=7\n")
	s := serve(t, dir, allowTransfers)
	got := map[string]uint32{}
	for _, rr := range s.transferred() {
		if rr.Header().Rrtype == dns.TypeA {
			got[rr.Header().Name] = rr.Header().Ttl
		}
	}
	for owner, want := range map[string]uint32{"plain.example.org.": 30, "adapting.example.org.": 60, "own.example.org.": 7} {
		if got[owner] != want {
			t.Errorf("%s is transferred with a TTL of %d, want %d", owner, got[owner], want)
		}
	}
}
