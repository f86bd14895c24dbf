package ballast

import (
	"context"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// labelled asks a handler under the metadata plugin and returns the labels of
// ours after the answer.
func labelled(t *testing.T, b *Ballast, r *dns.Msg) (labels map[string]string, reply *dns.Msg) {
	t.Helper()
	w := &benchWriter{remote: benchRemote}
	m := &metadata.Metadata{Zones: []string{"."}, Providers: []metadata.Provider{b}}
	ctx := m.Collect(context.Background(), request.Request{W: w, Req: r})
	if _, err := b.ServeDNS(ctx, w, r); err != nil {
		t.Fatal(err)
	}
	labels = map[string]string{}
	for label, value := range metadata.ValueFuncs(ctx) {
		labels[label] = value()
	}
	return labels, w.reply
}

func TestMetadata(t *testing.T) {
	b := handler(t, zoo+"hash 60 IN LB srv _http._tcp check=none policy=hash answers=1 sticky=24/56\n")
	b.metadata = true
	const all3 = "web1.example.org:80,web2.example.org:80,web3.example.org:80"
	for _, tc := range []struct {
		name, ask     string
		qtype         uint16
		servers, mode string // of the labels; servers sorted, empty for no labels at all
		ttl           string
	}{
		{"LB name", "three", dns.TypeA, all3, "live", "60s:record-ttl"},
		{"SRV", "www", dns.TypeSRV, all3, "live", "60s:record-ttl"},
		{"AAAA, of those that have one", "www", dns.TypeAAAA, "web1.example.org:80", "live", "60s:record-ttl"},
		{"CNAME to an LB name", "alias", dns.TypeA, all3, "live", "60s:record-ttl"},
		{"two CNAMEs to an LB name", "twice", dns.TypeA, all3, "live", "60s:record-ttl"},
		{"wildcard", "x.wild", dns.TypeA, "web3.example.org:81", "live", "60s:record-ttl"},
		{"SRV below the LB name", "_80._tcp.www", dns.TypeSRV, all3, "live", "60s:record-ttl"},
		{"static name", "sorry", dns.TypeA, "", "", ""},
		{"NXDOMAIN", "nope", dns.TypeA, "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			labels, reply := labelled(t, b, benchQuery(tc.ask, tc.qtype))
			if tc.servers == "" {
				if len(labels) > 0 {
					t.Errorf("Labels of what is not steered: %v", labels)
				}
				return
			}
			if got := sortedList(labels["ballast/servers"]); got != tc.servers {
				t.Errorf("ballast/servers is %q, want %q", got, tc.servers)
			}
			if labels["ballast/mode"] != tc.mode || labels["ballast/ttl"] != tc.ttl {
				t.Errorf("ballast/mode is %q and ballast/ttl %q, want %q and %q", labels["ballast/mode"], labels["ballast/ttl"], tc.mode, tc.ttl)
			}
			if key := labels["ballast/key"]; key != "192.0.2.53/32" {
				t.Errorf("ballast/key is %q, not the resolver's address", key)
			}
			if len(reply.Answer) == 0 {
				t.Errorf("Reply without answer:\n%v", reply)
			}
		})
	}
}

func TestMetadataOfAClientSubnet(t *testing.T) {
	b := handler(t, webPool)
	b.metadata = true
	r := benchQuery("www", dns.TypeA)
	subnet("203.0.113.0", 24, 0)(r)
	labels, _ := labelled(t, b, r)
	if labels["ballast/key"] != netip.MustParsePrefix("203.0.113.0/24").String() {
		t.Errorf("ballast/key is %q, not the client's subnet", labels["ballast/key"])
	}
}

// Whom the labels name is who is in the reply.
func TestMetadataNamesTheServersOfTheReply(t *testing.T) {
	b := handler(t, webPool)
	b.metadata = true
	for range 50 {
		labels, reply := labelled(t, b, benchQuery("www", dns.TypeA))
		var want []string
		for _, rr := range reply.Answer {
			addr := rr.(*dns.A).A.String()
			want = append(want, "web"+addr[len(addr)-1:]+".example.org:80")
		}
		if labels["ballast/servers"] != strings.Join(want, ",") {
			t.Fatalf("ballast/servers is %q, but the reply has %v", labels["ballast/servers"], want)
		}
	}
}

func TestNoMetadataWithoutItsPlugin(t *testing.T) {
	b := handler(t, webPool)
	if labels, _ := labelled(t, b, benchQuery("www", dns.TypeA)); len(labels) > 0 {
		t.Errorf("Labels were made for nobody: %v", labels)
	}
}

func TestQueryLogSaysWhoAnswers(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, `metadata
log . "{type} {name} servers={/ballast/servers} ttl={/ballast/ttl} mode={/ballast/mode} key={/ballast/key}"
ballast DIR/zone {
reload 0
}`)
	log := logged(t)
	for _, tc := range []struct{ ask, line string }{
		{"one.example.org.", "A one.example.org. servers=web"},
		{"x.wild.example.org.", "A x.wild.example.org. servers=web3.example.org:81 ttl=60s:record-ttl mode=live key=127.0.0.1/32"},
		{"down.example.org.", "A down.example.org. servers= ttl=30s:fallback mode=fallback key=127.0.0.1/32"},
		{"nope.example.org.", "A nope.example.org. servers=- ttl=- mode=- key=-"},
	} {
		s.ask(tc.ask, dns.TypeA)
		until(t, "a line in the log: "+tc.line, 5*time.Second, func() bool { return strings.Contains(log.String(), tc.line) })
	}
	s.ask("alias.example.org.", dns.TypeA)
	line := regexp.MustCompile(`A alias.example.org. servers=(\S+) ttl=60s:record-ttl mode=live`)
	until(t, "a line for the CNAME", 5*time.Second, func() bool { return line.MatchString(log.String()) })
	if servers := strings.Count(line.FindStringSubmatch(log.String())[1], ","); servers != 2 {
		t.Errorf("The CNAME's line does not name three servers:\n%s", log)
	}
}
