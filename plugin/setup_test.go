package ballast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
)

func TestParse(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", "")
	os.WriteFile(filepath.Join(dir, "token"), []byte("secret"), 0o600)
	for _, tc := range []struct {
		name, input, err string // err empty: it parses
		check            func(*config) bool
	}{
		{"the file alone", "ballast DIR/zone", "",
			func(c *config) bool {
				return c.origins[0] == "example.net." && c.reload == 2*time.Second && c.consul == nil
			}},
		{"zones", "ballast DIR/zone example.org a.example.org.", "",
			func(c *config) bool { return strings.Join(c.origins, " ") == "example.org. a.example.org." }},
		{"Consul", "ballast DIR/zone {\nconsul 127.0.0.1:8500\n}", "",
			func(c *config) bool { return c.consul.Address == "127.0.0.1:8500" }},
		{"Consul with everything", "ballast DIR/zone {\nconsul 127.0.0.1:8500\ntoken DIR/token\ndatacenter dc2\ntls DIR/c DIR/k DIR/ca\ntls_servername consul\n}", "",
			func(c *config) bool {
				return c.tls && c.consul.Datacenter == "dc2" && strings.HasSuffix(c.consul.TLS.CAFile, "/ca") && c.consul.TLS.ServerName == "consul"
			}},
		{"durations", "ballast DIR/zone {\nreload 0\nstartup_timeout 90s\n}", "",
			func(c *config) bool { return c.reload == 0 && c.startupTimeout == 90*time.Second }},
		{"fallthrough", "ballast DIR/zone {\nfallthrough\n}", "", func(c *config) bool { return c.fall.Through("a.example.net.") }},
		{"control", "ballast DIR/zone {\ncontrol off\n}", "", func(c *config) bool { return c.control == controlOff }},

		{"no file", "ballast", "a zone file is missing", nil},
		{"file of an unset variable", `ballast ""`, "a zone file is missing", nil},
		{"unknown property", "ballast DIR/zone {\nconsull x\n}", "unknown property 'consull'; known are consul, control,", nil},
		{"two mistakes", "ballast DIR/zone {\nreload soon\nexecc\n}", "unknown property 'execc'", nil},
		{"two addresses", "ballast DIR/zone {\nconsul a b\n}", "consul takes one argument, not 2", nil},
		{"Consul twice", "ballast DIR/zone {\nconsul a\nconsul b\n}", "consul is given twice", nil},
		{"token without Consul", "ballast DIR/zone {\ntoken DIR/token\n}", "add 'consul ADDRESS'", nil},
		{"token file missing", "ballast DIR/zone {\nconsul a\ntoken DIR/none\n}", "no such file", nil},
		{"fallthrough of no name", "ballast DIR/zone {\nfallthrough example.org foo..bar\n}", "fallthrough 'foo..bar' is not a domain name", nil},
		{"zone of no name", "ballast DIR/zone example.org foo..bar", "zone 'foo..bar' is not a domain name", nil},
		{"bad duration", "ballast DIR/zone {\nreload soon\n}", "reload 'soon' is not a duration such as 2s", nil},
		{"negative duration", "ballast DIR/zone {\nreload -1s\n}", "not a duration", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := caddy.NewTestController("dns", strings.ReplaceAll(tc.input, "DIR", dir))
			c.ServerBlockKeys = []string{"example.net."}
			c.Next()
			cfg, err := parse(c)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("Error is %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !tc.check(cfg) {
				t.Errorf("Parsed to %+v", cfg)
			}
		})
	}
}

func TestSetupRefusesBrokenZones(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ name, records, err string }{
		{"a record that is none", "www IN A 192.0.2\n", "zone:6:"},
		{"two mistakes, both told", "www IN A x\nftp IN A y\n", "zone:7:"},
		{"a pool from Consul without one", "www IN LB consul web\n", "add 'consul ADDRESS'"},
		{"a program where none may run", "www IN LB srv _a._tcp check=exec:up\n_a._tcp IN SRV 0 1 1 ns1\n", "'exec DIR'"},
		{"an unknown policy", "www IN LB srv _a._tcp policy=best\n_a._tcp IN SRV 0 1 1 ns1\n", "best"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			writeZone(t, dir, "zone", tc.records)
			c := caddy.NewTestController("dns", "ballast "+dir+"/zone {\ncontrol off\n}")
			c.ServerBlockKeys = []string{"example.org."}
			if err := setup(c); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Error is %v, want one with %q", err, tc.err)
			}
		})
	}
}
