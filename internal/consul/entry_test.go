package consul

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ballast-lb/ballast/internal/pool"
)

// parse reads entries in Consul's JSON.
func parse(t testing.TB, text string) []entry {
	t.Helper()
	var entries []entry
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestAddresses(t *testing.T) {
	cases := map[string]struct {
		text  string
		wan   bool
		addrs string
		flaw  string
	}{
		"service's": {text: `{"Node":{"Address":"10.0.0.9"},"Service":{"Address":"10.0.0.1","Port":80}}`, addrs: "10.0.0.1"},
		"node's":    {text: `{"Node":{"Address":"10.0.0.9"},"Service":{"Port":80}}`, addrs: "10.0.0.9"},
		"node's of both families": {
			text:  `{"Node":{"Address":"10.0.0.9","TaggedAddresses":{"lan":"10.0.0.9","lan_ipv4":"10.0.0.9","lan_ipv6":"fd00::9","wan":"192.0.2.9"}},"Service":{"Port":80}}`,
			addrs: "10.0.0.9 fd00::9"},
		"tagged IPv6": {
			text:  `{"Node":{"Address":"10.0.0.9"},"Service":{"Address":"10.0.0.1","Port":80,"TaggedAddresses":{"lan_ipv6":{"Address":"fd00::1","Port":80},"wan_ipv6":{"Address":"2001:db8::1","Port":80},"virtual":{"Address":"240.0.0.1","Port":80}}}}`,
			addrs: "10.0.0.1 fd00::1"},
		"IPv6 with tagged IPv4": {
			text:  `{"Service":{"Address":"fd00::1","Port":80,"TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.1","Port":80}}}}`,
			addrs: "fd00::1 10.0.0.1"},
		"another datacenter's": {wan: true,
			text:  `{"Service":{"Address":"10.0.0.1","Port":80,"TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.1","Port":80},"wan_ipv4":{"Address":"192.0.2.1","Port":80},"wan_ipv6":{"Address":"2001:db8::1","Port":80}}}}`,
			addrs: "192.0.2.1 2001:db8::1"},
		"another datacenter's node": {wan: true,
			text:  `{"Node":{"Address":"10.0.0.9","TaggedAddresses":{"lan":"10.0.0.9","wan":"192.0.2.9"}},"Service":{"Port":80}}`,
			addrs: "192.0.2.9"},
		"another datacenter's without wan": {wan: true,
			text:  `{"Node":{"Address":"10.0.0.9"},"Service":{"Address":"10.0.0.1","Port":80}}`,
			addrs: "10.0.0.1"},
		"IPv4 in IPv6":       {text: `{"Service":{"Address":"::ffff:10.0.0.1","Port":80}}`, addrs: "10.0.0.1"},
		"the same twice":     {text: `{"Service":{"Address":"10.0.0.1","Port":80,"TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.1","Port":80}}}}`, addrs: "10.0.0.1"},
		"a name":             {text: `{"Service":{"Address":"web.example.org","Port":80}}`, flaw: "names are not resolved"},
		"a name, and tagged": {text: `{"Service":{"Address":"web.example.org","Port":80,"TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.1","Port":80}}}}`, addrs: "10.0.0.1", flaw: "names are not resolved"},
		"tagged, another port": {
			text: `{"Service":{"Address":"10.0.0.1","Port":80,"TaggedAddresses":{"lan_ipv6":{"Address":"fd00::1","Port":8080}}}}`, addrs: "10.0.0.1", flaw: "port 8080"},
		"none":            {text: `{"Service":{"Port":80}}`, flaw: "neither service nor node"},
		"unspecified":     {text: `{"Service":{"Address":"0.0.0.0","Port":80}}`, flaw: "cannot be answered with"},
		"multicast":       {text: `{"Service":{"Address":"ff02::1","Port":80}}`, flaw: "cannot be answered with"},
		"zoned":           {text: `{"Service":{"Address":"fe80::1%eth0","Port":80}}`, flaw: "cannot be answered with"},
		"port too big":    {text: `{"Service":{"Address":"10.0.0.1","Port":65536}}`, flaw: "port 65536"},
		"port negative":   {text: `{"Service":{"Address":"10.0.0.1","Port":-1}}`, flaw: "port -1"},
		"nothing at all":  {text: `{}`, flaw: "neither service nor node"},
		"null everywhere": {text: `{"Node":null,"Service":null,"Checks":null}`, flaw: "neither service nor node"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, flaws := view{wan: c.wan}.pool(parse(t, "["+c.text+"]"))
			var want []netip.Addr
			for text := range strings.FieldsSeq(c.addrs) {
				want = append(want, netip.MustParseAddr(text))
			}
			var got []netip.Addr
			if len(p.Servers) > 0 {
				got = p.Servers[0].Addrs
			}
			if !slices.Equal(got, want) {
				t.Errorf("addresses %v, want %v", got, want)
			}
			if flaw := strings.Join(flaws, "; "); c.flaw == "" && flaw != "" || !strings.Contains(flaw, c.flaw) {
				t.Errorf("flaw %q, want %q", flaw, c.flaw)
			}
		})
	}
}

func TestWeights(t *testing.T) {
	cases := map[string]struct {
		weights           string
		capacity, warning float64
	}{
		"none":             {`{}`, 1, 0},
		"Consul's default": {`{"Passing":1,"Warning":1}`, 1, 0},
		"less in warning":  {`{"Passing":8,"Warning":2}`, 8, 0.25},
		"more in warning":  {`{"Passing":2,"Warning":8}`, 2, 0},
		"passing only":     {`{"Passing":10,"Warning":0}`, 10, 0},
		"negative":         {`{"Passing":-1,"Warning":-1}`, 1, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := parse(t, `[{"Service":{"Weights":`+c.weights+`}}]`)[0]
			if capacity, warning := e.weights(); capacity != c.capacity || warning != c.warning {
				t.Errorf("capacity %v, warning factor %v", capacity, warning)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	serf := check{CheckID: serfHealth, Name: "Serf Health Status", Status: "passing", Output: "Agent alive and reachable"}
	http := check{CheckID: "http", Name: "HTTP", Status: "passing", Output: "200 OK"}
	with := func(c check, status, output string) check { c.Status, c.Output = status, output; return c }
	cases := map[string]struct {
		checks []check
		health pool.Health
		reason string
	}{
		"no checks":        {nil, pool.Passing, ""},
		"passing":          {[]check{serf, http}, pool.Passing, ""},
		"warning":          {[]check{serf, with(http, "warning", "429\nbody")}, pool.Warning, "HTTP: 429"},
		"critical":         {[]check{serf, with(http, "critical", "")}, pool.Critical, "HTTP"},
		"worst wins":       {[]check{with(http, "warning", "slow"), with(serf, "critical", "gone"), http}, pool.Critical, "Serf Health Status: gone"},
		"first of equals":  {[]check{with(http, "critical", "one"), with(serf, "critical", "two")}, pool.Critical, "HTTP: one"},
		"unknown status":   {[]check{with(http, "dunno", "?")}, pool.Unknown, "HTTP: ?"},
		"TTL beside HTTP":  {[]check{http, {CheckID: "ballast:web", Status: "passing"}}, pool.Passing, ""},
		"node maintenance": {[]check{with(http, "critical", "x"), {CheckID: "_node_maintenance", Name: "Node Maintenance Mode", Status: "critical", Notes: "kernel"}}, pool.Drained, "Node Maintenance Mode: kernel"},
		"service maintenance": {[]check{{CheckID: "_service_maintenance:web", Name: "Service Maintenance Mode", Status: "critical", Notes: "disk"}, with(http, "critical", "x")},
			pool.Drained, "Service Maintenance Mode: disk"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if h, reason := health(c.checks); h != c.health || reason != c.reason {
				t.Errorf("%v %q, want %v %q", h, reason, c.health, c.reason)
			}
		})
	}
}

func TestReasonIsBoundedAndPrintable(t *testing.T) {
	c := check{Name: "name", Status: "critical", Output: "\x1b[31m" + strings.Repeat("ü", 1000) + "\n" + "second"}
	reason := c.reason(pool.Critical)
	if len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsAny(reason, "\x1b\n") {
		t.Errorf("reason %q", reason)
	}
}

func TestLoadAndSince(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	one := func(status, meta string) []entry {
		return parse(t, `[{"Node":{"Node":"n"},"Service":{"ID":"s","Address":"10.0.0.1","Meta":{`+meta+`}},"Checks":[{"CheckID":"c","Status":"`+status+`"}]}]`)
	}
	steps := []struct {
		name         string
		status, meta string
		load         pool.Load
		since        time.Time
		flaw         bool
	}{
		{"critical with an old report", "critical", `"ballast-load":"0.5"`, pool.Load{}, time.Time{}, false},
		{"passing", "passing", `"ballast-load":"0.5","ballast-boot":"a"`, pool.Load{Value: 0.5, Boot: "a", At: at(2)}, at(2), false},
		{"the same confirmed", "passing", `"ballast-load":"0.5","ballast-boot":"a"`, pool.Load{Value: 0.5, Boot: "a", At: at(3)}, at(2), false},
		{"broken", "passing", `"ballast-load":"NaN"`, pool.Load{Value: 0.5, Boot: "a", At: at(3)}, at(2), true},
		{"out of range", "passing", `"ballast-load":"11"`, pool.Load{Value: 0.5, Boot: "a", At: at(3)}, at(2), true},
		{"critical ages", "critical", `"ballast-load":"0.5","ballast-boot":"a"`, pool.Load{Value: 0.5, Boot: "a", At: at(3)}, at(6), false},
		{"no report any more", "critical", ``, pool.Load{}, at(6), false},
	}
	var prev *pool.Pool
	for i, s := range steps {
		p, flaws := view{prev: prev, now: at(i + 1), at: at(i + 1)}.pool(one(s.status, s.meta))
		if got := p.Servers[0]; got.Load != s.load || !got.Since.Equal(s.since) || (len(flaws) > 0) != s.flaw {
			t.Errorf("%s: load %+v since %v, flaws %q", s.name, got.Load, got.Since, flaws)
		}
		prev = p
	}
}

func TestServersAreSortedAndUnique(t *testing.T) {
	p, _ := view{service: "web"}.pool(parse(t, `[
		{"Node":{"Node":"b","Address":"10.0.0.2"},"Service":{"ID":"s"}},
		{"Node":{"Node":"a","Address":"10.0.0.1"},"Service":{"ID":"s"}},
		{"Node":{"Node":"b","Address":"10.0.0.3"},"Service":{"ID":"s"}}]`))
	if len(p.Servers) != 2 || p.Find("a/s") == nil || p.Find("b/s").Addrs[0] != netip.MustParseAddr("10.0.0.2") {
		t.Errorf("%+v", p.Servers)
	}
}

// FuzzAnswer looks for answers of Consul that make a pool which others could
// not rely on.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`[{"Node":{"Node":"n","Address":"10.0.0.1"},"Service":{"ID":"s","Port":80,"Weights":{"Passing":3,"Warning":1},"Meta":{"ballast-load":"0.5"}},"Checks":[{"CheckID":"c","Status":"warning","Output":"x\ny","Interval":"1s"}]}]`))
	f.Add([]byte(`[{"Service":{"Address":"::ffff:1.2.3.4","Port":70000,"TaggedAddresses":{"lan_ipv6":{"Address":"fe80::1%e","Port":1}}}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var entries []entry
		if json.Unmarshal(body, &entries) != nil {
			return
		}
		p, _ := view{at: time.Unix(1, 0)}.pool(entries)
		again, _ := view{at: time.Unix(2, 0), prev: p}.pool(entries)
		if !again.Equal(p) {
			t.Errorf("the same answer gave\n%+v\n%+v", p, again)
		}
		for i, s := range p.Servers {
			if i > 0 && p.Servers[i-1].ID >= s.ID || len(s.Addrs) == 0 || s.Capacity < 1 ||
				s.WarningFactor < 0 || s.WarningFactor > 1 || s.Load.Value < 0 || s.Load.Value > pool.MaxLoad || len(s.Reason) > maxReason {
				t.Errorf("server %+v", s)
			}
		}
	})
}
