package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/freeport"
	ballast "github.com/ballast-lb/ballast/plugin"
	"github.com/ballast-lb/ballast/plugin/directives"
	"github.com/ballast-lb/ballast/zones"
)

var ofCoreDNS []string // its own order

func TestMain(m *testing.M) {
	ofCoreDNS = dnsserver.Directives
	dnsserver.Directives = directives.Order
	caddy.Quiet, dnsserver.Quiet = true, true
	goleak.VerifyTestMain(m)
}

func TestDirectivesAreThePluginsOfTheBuild(t *testing.T) {
	var built []string
	for _, plugin := range caddy.ListPlugins()["others"] {
		if name, ok := strings.CutPrefix(plugin, "dns."); ok {
			built = append(built, name)
		}
	}
	slices.Sort(built)
	if want := slices.Sorted(slices.Values(directives.Order)); !slices.Equal(built, want) {
		t.Errorf("Built are %v,\nordered are %v", built, want)
	}
}

func TestOrderIsThatOfCoreDNS(t *testing.T) {
	ours := slices.DeleteFunc(slices.Clone(directives.Order), func(d string) bool { return d == "ballast" || d == "cookie" })
	theirs := slices.DeleteFunc(slices.Clone(ofCoreDNS), func(d string) bool { return !slices.Contains(ours, d) })
	if !slices.Equal(ours, theirs) {
		t.Errorf("The order is %v,\nCoreDNS's %v", ours, theirs)
	}
}

// What a start refuses is an error to ballastctl check, and nothing else is. PORT and
// OTHER are ports.
func TestCheckAgreesWithTheStart(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		refused    bool
	}{
		{"two zones", "example.org:PORT {\nwhoami\n}\nexample.net:PORT {\nwhoami\n}\n", false},
		{"two ports", "example.org:PORT {\nwhoami\n}\nexample.org:OTHER {\nwhoami\n}\n", false},
		{"two addresses", "example.org:PORT {\nbind 127.0.0.1\nwhoami\n}\nexample.org:PORT {\nbind 127.0.0.2\nwhoami\n}\n", false},
		{"a view and the rest", "example.org:PORT {\nview a {\nexpr true\n}\nwhoami\n}\nexample.org:PORT {\nwhoami\n}\n", false},
		{"the same twice", "example.org:PORT {\nwhoami\n}\nEXAMPLE.ORG.:PORT {\nwhoami\n}\n", true},
		{"the same twice in a block", "example.org:PORT dns://example.org:PORT {\nwhoami\n}\n", true},
		{"the same beside other zones", "example.net:PORT example.org:PORT {\nwhoami\n}\nexample.org:PORT {\nwhoami\n}\n", true},
		{"the same address twice", "example.org:PORT {\nbind 127.0.0.1 127.0.0.2\nwhoami\n}\nexample.org:PORT {\nbind 127.0.0.2\nwhoami\n}\n", true},
		{"an address but for one", "example.org:PORT {\nbind 127.0.0.1 127.0.0.2 {\nexcept 127.0.0.2\n}\nwhoami\n}\nexample.org:PORT {\nbind 127.0.0.2\nwhoami\n}\n", false},
		{"all addresses, and one", "example.org:PORT {\nwhoami\n}\nexample.org:PORT {\nbind 127.0.0.1\nwhoami\n}\n", true},
		{"one, and all addresses", "example.org:PORT {\nbind 127.0.0.1\nwhoami\n}\nexample.org:PORT {\nwhoami\n}\n", true},
		{"one, and a view on all addresses", "example.org:PORT {\nbind 127.0.0.1\nwhoami\n}\nexample.org:PORT {\nview a {\nexpr true\n}\nwhoami\n}\n", true},
		{"a reverse zone of two networks", "192.0.2.0/23:PORT {\nwhoami\n}\n3.0.192.in-addr.arpa:PORT {\nwhoami\n}\n", true},
		{"a port that there is not", "example.org:99999 {\nwhoami\n}\n", true},
		{"a negative port", "example.org:-5 {\nwhoami\n}\n", true},
		{"no port behind the colon", "example.org: {\nwhoami\n}\n", true},
		{"no name", "foo..bar:PORT {\nwhoami\n}\n", true},
		{"a plugin of CoreDNS that is left out", "example.org:PORT {\nloadbalance\nwhoami\n}\n", true},
		{"a plugin that there is not", "example.org:PORT {\nbogus\nwhoami\n}\n", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ports := strings.NewReplacer("PORT", fmt.Sprint(freeport.For(t)), "OTHER", fmt.Sprint(freeport.For(t)))
			path := filepath.Join(t.TempDir(), "Corefile")
			text := []byte(ports.Replace(tc.text))
			os.WriteFile(path, text, 0o600)
			problems, err := ballast.Check(path)
			if err != nil {
				t.Fatal(err)
			}
			if zones.Failed(problems) != tc.refused {
				t.Errorf("Check says: %v", problems)
			}
			inst, err := caddy.Start(caddy.CaddyfileInput{Contents: text, Filepath: path, ServerTypeName: "dns"})
			if (err != nil) != tc.refused {
				t.Errorf("The start says: %v", err)
			}
			if err == nil {
				stop(t, inst)
			}
		})
	}
}

// stop waits until all listeners are served: what has not begun cannot be ended.
func stop(t *testing.T, inst *caddy.Instance) {
	t.Helper()
	query := new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
	for _, s := range inst.Servers() {
		for _, addr := range []net.Addr{s.Addr(), s.LocalAddr()} {
			client := dns.Client{Net: addr.Network(), Timeout: 5 * time.Second}
			if _, _, err := client.Exchange(query, addr.String()); err != nil {
				t.Error(err)
			}
		}
	}
	if err := inst.Stop(); err != nil {
		t.Error(err)
	}
}
