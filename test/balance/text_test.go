//go:build linux

package main

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/zones"
)

func TestQueriesAreCounted(t *testing.T) {
	body := []byte(`# HELP coredns_ballast_queries_total Queries.
coredns_ballast_queries_total{name="www.example.org.",reason="live",zone="example.org."} 12
coredns_ballast_queries_total{name="www.example.org.",reason="quorum",zone="example.org."} 3
coredns_ballast_queries_total{name="api.example.org.",reason="live",zone="example.org."} 99
coredns_ballast_server_weight{name="www.example.org.",real_server="s1"} 99
`)
	got, err := sumOf(body, "coredns_ballast_queries_total{", `name="www.example.org."`)
	if err != nil || got != 15 {
		t.Errorf("%v (%v), want 15", got, err)
	}
}

// TestRecordsAreZones: what the name server is given is a zone without mistakes.
func TestRecordsAreZones(t *testing.T) {
	for policy := range records(defaults()) {
		t.Run(policy, func(t *testing.T) {
			text := zone(defaults(), policy, netip.MustParseAddr("192.0.2.53"))
			_, problems := zones.Parse(strings.NewReader(text), zoneName, policy+".zone", zones.Settings{})
			for _, p := range problems {
				t.Error(p)
			}
		})
	}
}

func TestKindsAreMixed(t *testing.T) {
	count := map[string]int{}
	for i := range 20 {
		count[kindOf(i).name]++
	}
	for name, want := range map[string]int{"default": 8, "floor": 4, "prefetch": 4, "serve-expired": 4} {
		if count[name] != want {
			t.Errorf("%d of 20 resolvers are %s, want %d", count[name], name, want)
		}
	}
	text := unboundConf(defaults(), 1, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.53"))
	for _, line := range []string{"    cache-min-ttl: 8\n", "    outgoing-interface: 192.0.2.1\n", "    stub-addr: 192.0.2.53@53\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("the second resolver's configuration lacks %q:\n%s", line, text)
		}
	}
}

func TestMistakesInFlagsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"a policy without a record", "add one in policies.go", []string{"-policies", "best"}},
		{"too few clients", "a client for each", []string{"-clients", "3"}},
		{"a capacity that is none", `-relative "x"`, []string{"-relative", "1,x"}},
		{"a factor that stretches", "at least 1", []string{"-factor", "0.5"}},
		{"more load than there is", "less than 1", []string{"-utilisation", "1.2"}},
		{"a program that is not there", "make consul", []string{"-consul", "/nowhere/consul"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}
