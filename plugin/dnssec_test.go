package ballast

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// signingKey writes a new key of example.org as dnssec-keygen does, and returns
// its public part and the path without extension.
func signingKey(t *testing.T, dir string) (*dns.DNSKEY, string) {
	t.Helper()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("Kexample.org.+013+%05d", key.KeyTag()))
	os.WriteFile(path+".key", []byte(key.String()+"\n"), 0o644)
	os.WriteFile(path+".private", []byte(key.PrivateKeyString(private)), 0o600)
	return key, path
}

// signed is a server that signs.
func signed(t *testing.T, records string) (*server, *dns.DNSKEY) {
	t.Helper()
	dir := t.TempDir()
	writeZone(t, dir, "zone", records)
	key, path := signingKey(t, dir)
	return serve(t, dir, "dnssec {\nkey file "+path+"\n}\nballast DIR/zone {\nreload 0\n}"), key
}

func do(m *dns.Msg) { m.SetEdns0(4096, true) }

// verify checks that every RRset of a section is signed by the key.
func verify(section []dns.RR, key *dns.DNSKEY) error {
	type set struct {
		name  string
		rtype uint16
	}
	sets, sigs := map[set][]dns.RR{}, map[set]*dns.RRSIG{}
	for _, rr := range section {
		if sig, ok := rr.(*dns.RRSIG); ok {
			sigs[set{sig.Hdr.Name, sig.TypeCovered}] = sig
			continue
		}
		if rr.Header().Rrtype != dns.TypeOPT {
			k := set{rr.Header().Name, rr.Header().Rrtype}
			sets[k] = append(sets[k], rr)
		}
	}
	for k, rrs := range sets {
		sig := sigs[k]
		if sig == nil {
			return fmt.Errorf("%s %s is not signed", k.name, dns.TypeToString[k.rtype])
		}
		if err := sig.Verify(key, rrs); err != nil {
			return fmt.Errorf("%s %s: %w", k.name, dns.TypeToString[k.rtype], err)
		}
		// A validator takes the TTL for no longer than the signature's own
		// (RFC 4035 section 5.3.3).
		if ttl := rrs[0].Header().Ttl; !sig.ValidityPeriod(time.Now()) || ttl > sig.OrigTtl || ttl != sig.Hdr.Ttl {
			return fmt.Errorf("%s %s has a TTL of %d, its signature %d", k.name, dns.TypeToString[k.rtype], ttl, sig.Hdr.Ttl)
		}
	}
	return nil
}

func TestSignedAnswers(t *testing.T) {
	s, key := signed(t, zoo)
	until(t, "the dead pool is known to be dead", 5*time.Second, func() bool {
		return len(addresses(s.ask("none.example.org.", dns.TypeA))) == 0
	})
	for _, tc := range []struct {
		name, ask string
		qtype     uint16
		answer    int // RRs, without signatures
	}{
		{"A at an LB name", "www", dns.TypeA, 2},
		{"AAAA at an LB name", "www", dns.TypeAAAA, 1},
		{"SRV at an LB name", "www", dns.TypeSRV, 3},
		{"CNAME to an LB name", "alias", dns.TypeA, 4},
		{"wildcard LB name", "x.wild", dns.TypeA, 1},
		{"below an LB name", "_80._tcp.www", dns.TypeSRV, 3},
		{"static name", "any", dns.TypeTXT, 1},
		{"fallback", "down", dns.TypeA, 1},
		{"NODATA at an LB name", "www", dns.TypeTXT, 0},
		{"NODATA for want of a family", "x.wild", dns.TypeAAAA, 0},
		{"NODATA for want of a server", "none", dns.TypeA, 0},
		{"NODATA at a static name", "web1", dns.TypeTXT, 0},
		{"no such name", "nope", dns.TypeA, 0},
		{"no such name below an LB name", "nope.www", dns.TypeA, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := s.ask(tc.ask+".example.org.", tc.qtype, do)
			answers, denied := 0, false
			for _, rr := range m.Answer {
				if rr.Header().Rrtype != dns.TypeRRSIG {
					answers++
				}
			}
			for _, rr := range m.Ns {
				denied = denied || rr.Header().Rrtype == dns.TypeNSEC
			}
			if m.Rcode != dns.RcodeSuccess || answers != tc.answer || denied != (tc.answer == 0) {
				t.Errorf("Answered with %d records, denial %v\n%v", answers, denied, m)
			}
			for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
				if err := verify(section, key); err != nil {
					t.Errorf("%v\n%v", err, m)
				}
			}
		})
	}
}

func TestSignedAnswersComeInAStableOrder(t *testing.T) {
	s, key := signed(t, zoo)
	seen := map[string]bool{}
	for range 60 {
		m := s.ask("www.example.org.", dns.TypeA, do)
		var addrs []string
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.A); ok {
				addrs = append(addrs, a.A.String())
			}
		}
		if !slices.IsSorted(addrs) {
			t.Fatalf("Members are out of order: %v", addrs)
		}
		seen[fmt.Sprint(addrs)] = true
		if err := verify(m.Answer, key); err != nil {
			t.Fatal(err)
		}
	}
	// web1 has more than half of the weight and so is in each pair.
	if len(seen) != 2 {
		t.Errorf("60 signed answers were %v, not the two pairs with web1", seen)
	}
}

// Plugins above append to the sections of a reply; no two replies may share
// what they append to.
func TestSignedAnswersAtTheSameTime(t *testing.T) {
	s, key := signed(t, zoo)
	var wg sync.WaitGroup
	for _, name := range []string{"www", "any", "alias", "x.wild", "nope", "www", "any", "alias"} {
		wg.Go(func() {
			client := &dns.Client{Timeout: 3 * time.Second, UDPSize: 4096}
			for _, qtype := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeSRV, dns.TypeAAAA, dns.TypeA, dns.TypeTXT} {
				m := new(dns.Msg).SetQuestion(name+".example.org.", qtype)
				do(m)
				reply, _, err := client.Exchange(m, s.addr)
				if err == nil {
					err = verify(reply.Answer, key)
				}
				if err != nil {
					t.Errorf("%s %s: %v", name, dns.TypeToString[qtype], err)
					return
				}
			}
		})
	}
	wg.Wait()
}
