package ballast

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/programs"
)

// validated has one of each kind of answer that a validator treats in its way.
const validated = zoo + `
dname IN DNAME star
long 86400 IN TXT "longer than signatures say"
tonowhere IN CNAME nowhere
tonothing IN CNAME mx
tolb IN CNAME www
*.wildalias IN CNAME mx
mail IN A 192.0.2.90
mail IN MX 10 web1
mail IN CAA 0 issue "ca.example.net"
plain IN NS ns.plain
ns.plain IN A 127.0.0.1
secure IN NS ns.secure
secure IN DS 12345 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE4B6A1B7C2C7C5F6F5C2D6D0E
ns.secure IN A 127.0.0.1
`

// questions that a validator is to accept the answers of; the order matters:
// what a denial proves is used for later questions (RFC 8198).
var validations = []struct {
	name, ask string
	qtype     uint16
	answers   bool
}{
	{"LB, A", "www", dns.TypeA, true},
	{"LB, AAAA", "www", dns.TypeAAAA, true},
	{"LB, SRV", "www", dns.TypeSRV, true},
	{"LB, NODATA", "www", dns.TypeMX, false},
	{"LB, once more after it", "www", dns.TypeA, true},
	{"LB, wildcard", "x.wild", dns.TypeA, true},
	{"LB, wildcard without the family", "y.wild", dns.TypeAAAA, false},
	{"LB, nobody left", "none", dns.TypeA, false},
	{"LB, fallback", "down", dns.TypeA, true},
	{"service below an LB name", "_80._tcp.www", dns.TypeSRV, true},
	{"empty non-terminal below an LB name", "_tcp.www", dns.TypeA, false},
	{"alias to an LB name", "tolb", dns.TypeA, true},
	{"alias to an LB name, NODATA", "tolb", dns.TypeMX, false},
	{"static", "any", dns.TypeTXT, true},
	{"static, NODATA", "mail", dns.TypeAAAA, false},
	{"another type of a name with a denial", "mail", dns.TypeMX, true},
	{"and one more", "mail", dns.TypeCAA, true},
	{"a TTL above the signatures'", "long", dns.TypeTXT, true},
	{"wildcard", "q.star", dns.TypeTXT, true},
	{"wildcard, NODATA", "r.star", dns.TypeA, false},
	{"wildcard alias to NODATA", "q.wildalias", dns.TypeA, false},
	{"wildcard alias", "q.wildalias", dns.TypeMX, true},
	{"DNAME", "q.dname", dns.TypeTXT, true},
	{"empty non-terminal", "ent", dns.TypeA, false},
	{"no such name", "nowhere", dns.TypeA, false},
	{"alias to no such name", "tonowhere", dns.TypeA, false},
	{"alias to a name without the type", "tonothing", dns.TypeA, false},
	{"alias to a name with it, after the denial", "tonothing", dns.TypeMX, true},
	{"no DS", "plain", dns.TypeDS, false},
	{"DS", "secure", dns.TypeDS, true},
	{"SOA", "@", dns.TypeSOA, true},
	{"keys", "@", dns.TypeDNSKEY, true},
	{"NODATA at the origin", "@", dns.TypeCAA, false},
}

func fullName(name string) string { return strings.TrimPrefix(name+".example.org.", "@.") }

// TestDelvValidates has BIND's validator ask and judge.
func TestDelvValidates(t *testing.T) {
	delv := programs.Need(t, "delv")
	s, key := signed(t, validated)
	s.deadPool()
	anchor := filepath.Join(t.TempDir(), "anchor")
	text := fmt.Sprintf("trust-anchors { \"example.org.\" static-key %d %d %d \"%s\"; };\n", key.Flags, key.Protocol, key.Algorithm, key.PublicKey)
	if err := os.WriteFile(anchor, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range validations {
		t.Run(tc.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), delv, "@127.0.0.1", "-p", fmt.Sprint(s.port), "-a", anchor, "+root=example.org",
				fullName(tc.ask), dns.TypeToString[tc.qtype]).CombinedOutput()
			text := string(out)
			if err != nil || !strings.Contains(text, "fully validated") || strings.Contains(text, "unsigned answer") || (strings.Contains(text, "negative response") || strings.Contains(text, "ncache")) == tc.answers {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// deadPool waits until the dead pools are known to be.
func (s *server) deadPool() {
	s.t.Helper()
	until(s.t, "the dead pool is known to be dead", 5*time.Second, func() bool {
		return len(addresses(s.ask("none.example.org.", dns.TypeA))) == 0
	})
}

// TestUnboundValidates has a resolver ask, which keeps what it learns and
// infers answers from it.
func TestUnboundValidates(t *testing.T) {
	unbound := programs.Need(t, "unbound")
	s, key := signed(t, validated)
	s.deadPool()
	resolver := startUnbound(t, unbound, s, key)
	for _, tc := range validations {
		t.Run(tc.name, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion(fullName(tc.ask), tc.qtype)
			do(m)
			client := &dns.Client{Timeout: 5 * time.Second, UDPSize: 4096}
			reply, _, err := client.Exchange(m, resolver)
			if err != nil {
				t.Fatal(err)
			}
			has := false
			for _, rr := range reply.Answer {
				has = has || rr.Header().Rrtype == tc.qtype
			}
			if !reply.AuthenticatedData || reply.Rcode != dns.RcodeSuccess || has != tc.answers {
				t.Errorf("%v", reply)
			}
		})
	}
	m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
	do(m)
	if reply, _, err := new(dns.Client).Exchange(m, resolver); err != nil || reply.AuthenticatedData == false {
		t.Errorf("Once more: %v %v", reply, err)
	}
}

// startUnbound starts a validating resolver that knows the zone's server and
// its key, and nothing else.
func startUnbound(t *testing.T, program string, s *server, key *dns.DNSKEY) string {
	t.Helper()
	dir, port := t.TempDir(), freeport.For(t)
	conf := filepath.Join(dir, "unbound.conf")
	text := fmt.Sprintf(`server:
	directory: %q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	interface: 127.0.0.1@%d
	do-not-query-localhost: no
	module-config: "validator iterator"
	aggressive-nsec: yes
	trust-anchor: "example.org. DNSKEY %d %d %d %s"
	local-zone: "example.org." transparent
remote-control:
	control-enable: no
stub-zone:
	name: "example.org."
	stub-addr: 127.0.0.1@%d
`, dir, port, key.Flags, key.Protocol, key.Algorithm, key.PublicKey, s.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.Command(program, "-d", "-c", conf)
	cmd.Stdout, cmd.Stderr = &log, &log
	p, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("Unbound said:\n%s", log.String())
		}
	})
	addr := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	until(t, "Unbound answers", 10*time.Second, func() bool {
		_, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA), addr)
		return err == nil
	})
	return addr
}

// TestSignaturesAreReused counts signatures that were made for a steady pool:
// members come in a stable order and TTLs in steps.
func TestSignaturesAreReused(t *testing.T) {
	for _, policy := range []string{"weighted", "headroom"} {
		t.Run(policy, func(t *testing.T) {
			var zone strings.Builder
			fmt.Fprintf(&zone, "www 300 IN LB srv _www._tcp check=none policy=%s min-ttl=30 answers=2\n", policy)
			for i := range 7 {
				fmt.Fprintf(&zone, "_www._tcp IN SRV 1 %d 80 s%d\ns%d IN A 192.0.2.%d\n", i+1, i, i, i+1)
			}
			s, key := signed(t, zone.String())
			ask := func(rounds int) {
				for i := range rounds {
					m := s.ask("www.example.org.", dns.TypeA, do, func(m *dns.Msg) { withSubnet(m, i%200) })
					if err := verify(m.Answer, key); err != nil {
						t.Fatal(err)
					}
				}
			}
			ask(500)
			hits, misses := signatures(t)
			ask(1000)
			hits2, misses2 := signatures(t)
			share := (hits2 - hits) / (hits2 - hits + misses2 - misses)
			t.Logf("%.2f %% of %.0f signatures came from the cache", 100*share, hits2-hits+misses2-misses)
			if share < 0.99 {
				t.Errorf("%.1f %% of signatures came from the cache, want 99", 100*share)
			}
		})
	}
}

// withSubnet adds the nth client subnet (RFC 7871) to a query with EDNS.
func withSubnet(m *dns.Msg, n int) {
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(198, 51, byte(n), 0).To4(),
	})
}

// signatures are the dnssec plugin's cache hits and misses so far.
func signatures(t *testing.T) (hits, misses float64) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "coredns_dnssec_cache_hits_total":
				hits += m.GetCounter().GetValue()
			case "coredns_dnssec_cache_misses_total":
				misses += m.GetCounter().GetValue()
			}
		}
	}
	return hits, misses
}
