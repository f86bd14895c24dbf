package ballast

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/programs"
)

const presigned = `$ORIGIN example.org.
$TTL 3600
@ IN SOA ns1 hostmaster 1 7200 900 1209600 30
@ IN NS ns1
ns1 IN A 127.0.0.1
www IN A 192.0.2.1
alias IN CNAME www
tonowhere IN CNAME nowhere
tonothing IN CNAME www
dname IN DNAME star
*.star IN TXT "y"
a.ent IN A 192.0.2.2
plain IN NS ns.plain
ns.plain IN A 127.0.0.1
secure IN NS ns.secure
secure IN DS 12345 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE4B6A1B7C2C7C5F6F5C2D6D0E
ns.secure IN A 127.0.0.1
`

// TestPresignedZonesValidate serves what ldns signed, with its proofs.
func TestPresignedZonesValidate(t *testing.T) {
	delv, sign := programs.Need(t, "delv"), programs.Need(t, "ldns-signzone")
	for name, args := range map[string][]string{
		"NSEC":           nil,
		"NSEC3":          {"-n", "-s", "abcd", "-t", "5"},
		"NSEC3, opt-out": {"-n", "-p", "-s", "beef"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key, path := signingKey(t, dir)
			if err := os.WriteFile(filepath.Join(dir, "plain"), []byte(presigned), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "-o", "example.org", "-f", filepath.Join(dir, "zone"), filepath.Join(dir, "plain"), path)
			if out, err := exec.CommandContext(t.Context(), sign, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
			anchor := filepath.Join(dir, "anchor")
			text := fmt.Sprintf("trust-anchors { \"example.org.\" static-key %d %d %d \"%s\"; };\n", key.Flags, key.Protocol, key.Algorithm, key.PublicKey)
			if err := os.WriteFile(anchor, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, tc := range []struct {
				ask   string
				qtype uint16
			}{
				{"www", dns.TypeA}, {"www", dns.TypeTXT}, {"@", dns.TypeSOA}, {"alias", dns.TypeA},
				{"nowhere", dns.TypeA}, {"deep.nowhere", dns.TypeA}, {"q.star", dns.TypeTXT}, {"q.r.star", dns.TypeTXT},
				{"q.star", dns.TypeA}, {"ent", dns.TypeA}, {"b.ent", dns.TypeA}, {"tonowhere", dns.TypeA},
				{"tonothing", dns.TypeTXT}, {"q.dname", dns.TypeTXT}, {"plain", dns.TypeDS}, {"secure", dns.TypeDS},
			} {
				out, err := exec.CommandContext(t.Context(), delv, "@127.0.0.1", "-p", fmt.Sprint(s.port), "-a", anchor, "+root=example.org",
					fullName(tc.ask), dns.TypeToString[tc.qtype]).CombinedOutput()
				// What opt-out leaves unsaid leaves a wildcard unproven (RFC 5155 section 6).
				unproven := strings.HasSuffix(name, "opt-out") && strings.Contains(tc.ask, "star") && strings.Contains(string(out), "unsigned answer")
				if err != nil || !strings.Contains(string(out), "fully validated") && !unproven {
					t.Errorf("%s %s: %v\n%s", tc.ask, dns.TypeToString[tc.qtype], err, out)
				}
			}
			if m := s.ask("q.plain.example.org.", dns.TypeA, do); m.Authoritative || len(m.Ns) < 3 {
				t.Errorf("No proof that a delegation is insecure:\n%v", m)
			}
		})
	}
}
