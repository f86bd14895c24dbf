package ballast

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// worst are the questions that bring the largest replies, and what is asked
// besides.
var worst = []struct {
	what, ask string
	qtype     uint16
	most      [3]float64 // factors: without EDNS, with it, signed
}{
	{"LB name, two addresses", "www", dns.TypeA, [3]float64{3, 3, 6}},
	{"LB name, 32 addresses", "all", dns.TypeA, [3]float64{16, 24, 28}},
	{"LB name, SRV of three servers", "www", dns.TypeSRV, [3]float64{9, 7, 18}},
	{"LB name, SRV of 32 servers", "all", dns.TypeSRV, [3]float64{16, 28, 28}},
	{"LB name, no such type", "www", dns.TypeTXT, [3]float64{4, 3, 10}},
	{"LB name, ANY", "www", dns.TypeANY, [3]float64{2.5, 2, 5}},
	{"apex, SOA", "", dns.TypeSOA, [3]float64{4, 4, 7}},
	{"apex, NS", "", dns.TypeNS, [3]float64{4, 3, 9}},
	{"apex, MX", "", dns.TypeMX, [3]float64{4, 3, 9}},
	{"apex, ANY", "", dns.TypeANY, [3]float64{2.5, 2, 5}},
	{"apex, DNSKEY", "", dns.TypeDNSKEY, [3]float64{4, 4, 7}},
	{"no such name", "nope", dns.TypeA, [3]float64{4, 3, 10}},
	{"referral, two name servers", "www.sub", dns.TypeA, [3]float64{6, 5, 9}},
}

// TestAmplification measures what a reply over UDP has more octets than its query,
// for the example zone with some larger names. SECURITY.md has the table.
func TestAmplification(t *testing.T) {
	dir := t.TempDir()
	example, err := os.ReadFile("../zones/example.org.zone")
	if err != nil {
		t.Fatal(err)
	}
	more := "\nsub IN NS ns1.sub\nsub IN NS ns2.sub\nns1.sub IN A 192.0.2.61\nns2.sub IN A 192.0.2.62\n" +
		"all 30 IN LB srv _all._tcp check=none answers=32\n"
	for i := range 32 {
		more += fmt.Sprintf("_all._tcp IN SRV 0 1 80 web%02d.all-servers\nweb%02d.all-servers IN A 192.0.2.%d\n", i, i, i+1)
	}
	os.WriteFile(filepath.Join(dir, "zone"), append(example, more...), 0o644)
	_, key := signingKey(t, dir)
	const ballast = "bufsize 1232\nballast DIR/zone {\nreload 0\n}"
	servers := [3]*server{}
	servers[0] = serve(t, dir, ballast)
	servers[1] = servers[0]
	servers[2] = serve(t, dir, "dnssec {\nkey file "+key+"\n}\n"+ballast)
	table := ""
	for _, w := range worst {
		table += "| " + w.what
		for i, s := range servers {
			query, reply := s.octets(t, strings.TrimPrefix(w.ask+".example.org.", "."), w.qtype, i)
			factor := float64(reply) / float64(query)
			if factor > w.most[i] || reply > 1232 {
				t.Errorf("%s, column %d: %d octets for %d, %.1f times; at most %v", w.what, i, reply, query, factor, w.most[i])
			}
			table += fmt.Sprintf(" | %d → %d, %.1f", query, reply, factor)
		}
		table += " |\n"
	}
	documented(t, "amplification", table)
}

// octets are the lengths of a query and its reply over UDP, without headers of UDP
// and IP: plain, with EDNS and a large buffer, and asking for signatures.
func (s *server) octets(t *testing.T, name string, qtype uint16, column int) (query, reply int) {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	if column > 0 {
		m.SetEdns0(4096, column == 2)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.exchange("udp", packet)
	if err != nil {
		t.Fatal(err)
	}
	return len(packet), len(answer)
}

// documented compares a table with the one in SECURITY.md.
func documented(t *testing.T, name, table string) {
	t.Helper()
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(text), "<!-- "+name+":begin -->\n")
	have, _, ended := strings.Cut(rest, "<!-- "+name+":end -->")
	_, have, _ = strings.Cut(have, "--:|\n") // below its heading
	if !begun || !ended || have != table {
		t.Errorf("SECURITY.md has another table; this is measured:\n%s", table)
	}
}
