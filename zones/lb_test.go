package zones

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// web makes an LB with Consul's service web, changed by f.
func web(f func(lb *LB)) *LB {
	lb := &LB{Source: Consul, Name: "web"}
	f(lb)
	return lb
}

// api makes an LB with the SRV records _api._tcp, changed by f.
func api(f func(lb *LB)) *LB {
	lb := &LB{Source: SRV, Name: "_api._tcp"}
	f(lb)
	return lb
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		text      string
		want      *LB
		canonical string // if not the text
	}{
		{"consul web", web(func(*LB) {}), ""},
		{"CONSUL web", web(func(*LB) {}), "consul web"},
		{"consul web policy=headroom", web(func(lb *LB) { lb.Policy = "headroom" }), ""},
		{"consul web policy=DRR2-TTL/S_K", web(func(lb *LB) { lb.Policy = "DRR2-TTL/S_K" }), ""},
		{"consul web answers=1", web(func(lb *LB) { lb.Answers = 1 }), ""},
		{"consul web ANSWERS=32", web(func(lb *LB) { lb.Answers = 32 }), "consul web answers=32"},
		{"consul web min-ttl=30", web(func(lb *LB) { lb.MinTTL = 30 * time.Second }), ""},
		{"consul web min-ttl=30s", web(func(lb *LB) { lb.MinTTL = 30 * time.Second }), "consul web min-ttl=30"},
		{"consul web min-ttl=5m", web(func(lb *LB) { lb.MinTTL = 5 * time.Minute }), "consul web min-ttl=300"},
		{"consul web up-thresh=0.5", web(func(lb *LB) { lb.UpThresh = 0.5 }), ""},
		{"consul web up-thresh=50%", web(func(lb *LB) { lb.UpThresh = 0.5 }), "consul web up-thresh=0.5"},
		{"consul web up-thresh=0", web(func(lb *LB) { lb.UpThresh = Off }), ""},
		{"consul web up-thresh=1", web(func(lb *LB) { lb.UpThresh = 1 }), ""},
		{"consul web empty=all", web(func(lb *LB) { lb.Empty = EmptyAll }), ""},
		{"consul web empty=last", web(func(lb *LB) { lb.Empty = EmptyLast }), ""},
		{"consul web empty=none", web(func(lb *LB) { lb.Empty = EmptyNone }), ""},
		{"consul web empty=sorry", web(func(lb *LB) { lb.Empty, lb.Fallback = EmptyFallback, "sorry" }), ""},
		{"consul web empty=all.", web(func(lb *LB) { lb.Empty, lb.Fallback = EmptyFallback, "all." }), ""},
		{"consul web empty=fallback", web(func(lb *LB) { lb.Empty, lb.Fallback = EmptyFallback, "fallback" }), ""},
		{"consul web sticky=24/56", web(func(lb *LB) { lb.Sticky = [2]int{24, 56} }), ""},
		{"consul web sticky=24", web(func(lb *LB) { lb.Sticky = [2]int{24, 0} }), ""},
		{"consul web sticky=off", web(func(lb *LB) { lb.Sticky = [2]int{Off, Off} }), ""},
		{"consul web ramp=30s", web(func(lb *LB) { lb.Ramp = 30 * time.Second }), ""},
		{"consul web ramp=90", web(func(lb *LB) { lb.Ramp = 90 * time.Second }), "consul web ramp=1m30s"},
		{"consul web ramp=1h", web(func(lb *LB) { lb.Ramp = time.Hour }), ""},
		{"consul web ramp=0", web(func(lb *LB) { lb.Ramp = Off }), ""},
		{"consul web tag=v2", web(func(lb *LB) { lb.Tags = []string{"v2"} }), ""},
		{"consul web tag=a,b tag=c", web(func(lb *LB) { lb.Tags = []string{"a", "b", "c"} }), "consul web tag=a tag=b tag=c"},
		{"consul web dc=dc1", web(func(lb *LB) { lb.DC = "dc1" }), ""},
		{"consul web via=vip", web(func(lb *LB) { lb.Via = "vip" }), ""},
		{`consul we\;b`, &LB{Source: Consul, Name: "we;b"}, ""},
		{`consul w\195\169b`, &LB{Source: Consul, Name: "wéb"}, ""},
		{"srv @", &LB{Source: SRV, Name: "@"}, ""},
		{"srv _API._TCP.Example.ORG.", &LB{Source: SRV, Name: "_api._tcp.example.org."}, "srv _api._tcp.example.org."},
		{`srv a\046b._tcp`, &LB{Source: SRV, Name: `a\.b._tcp`}, `srv a\.b._tcp`},
		{"srv _api._tcp check=none", api(func(lb *LB) { lb.Check.Kind = CheckNone }), ""},
		{"srv _api._tcp check=tcp", api(func(lb *LB) { lb.Check.Kind = CheckTCP }), ""},
		{"srv _api._tcp check=tcp:9000", api(func(lb *LB) { lb.Check = Check{Kind: CheckTCP, Port: 9000} }), ""},
		{"srv _api._tcp check=tls", api(func(lb *LB) { lb.Check.Kind = CheckTLS }), ""},
		{"srv _api._tcp check=tls:8443", api(func(lb *LB) { lb.Check = Check{Kind: CheckTLS, Port: 8443} }), ""},
		{"srv _api._tcp check=http", api(func(lb *LB) { lb.Check = Check{Kind: CheckHTTP, Path: "/"} }), "srv _api._tcp check=http:/"},
		{"srv _api._tcp check=http:/healthz", api(func(lb *LB) { lb.Check = Check{Kind: CheckHTTP, Path: "/healthz"} }), ""},
		{"srv _api._tcp check=http:8081/healthz", api(func(lb *LB) { lb.Check = Check{Kind: CheckHTTP, Port: 8081, Path: "/healthz"} }), ""},
		{"srv _api._tcp check=https:/h?a=b:c", api(func(lb *LB) { lb.Check = Check{Kind: CheckHTTPS, Path: "/h?a=b:c"} }), ""},
		{`srv _api._tcp check=http:/a\;b\(`, api(func(lb *LB) { lb.Check = Check{Kind: CheckHTTP, Path: "/a;b("} }), ""},
		{"srv _api._tcp check=exec:mysql-1.sh", api(func(lb *LB) { lb.Check = Check{Kind: CheckExec, Name: "mysql-1.sh"} }), ""},
		{"srv _api._tcp host=www.example.org check=tls", api(func(lb *LB) { lb.Check = Check{Kind: CheckTLS, Host: "www.example.org"} }),
			"srv _api._tcp check=tls host=www.example.org"},
		{"srv _api._tcp every=500ms", api(func(lb *LB) { lb.Every = 500 * time.Millisecond }), ""},
		{"srv _api._tcp timeout=1", api(func(lb *LB) { lb.Timeout = time.Second }), "srv _api._tcp timeout=1s"},
		{"srv _api._tcp rise=1 fall=100", api(func(lb *LB) { lb.Rise, lb.Fall = 1, 100 }), ""},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got := new(LB)
			if err := got.Parse(strings.Fields(tt.text)); err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Got %+v, want %+v", got, tt.want)
			}
			want := tt.canonical
			if want == "" {
				want = tt.text
			}
			if got.String() != want {
				t.Errorf("String is %q, want %q", got, want)
			}
			roundTrip(t, got)
		})
	}
}

// roundTrip checks that text, wire and copy keep the data.
func roundTrip(t *testing.T, lb *LB) {
	t.Helper()
	text := new(LB)
	if err := text.Parse(split(lb.String())); err != nil || !reflect.DeepEqual(text, lb) {
		t.Errorf("Text %q reads as %+v, %v; want %+v", lb, text, err, lb)
	}
	rec := LBRecord{Name: "www.example.org.", TTL: 30, LB: lb}
	buf := make([]byte, 64<<10)
	n, err := dns.PackRR(rec.RR(), buf, 0, nil, false)
	if err != nil {
		t.Fatalf("Pack %q: %v", lb, err)
	}
	if want := dns.Len(rec.RR()); n != want {
		t.Errorf("Packed %q into %d octets, Len says %d", lb, n, want)
	}
	// What follows in the message is not the record's.
	rr, off, err := dns.UnpackRR(buf[:n+10], 0)
	if err != nil || off != n {
		t.Fatalf("Unpack %q: %v, %d octets of %d", lb, err, off, n)
	}
	if got := rr.(*dns.PrivateRR).Data; !reflect.DeepEqual(got, lb) {
		t.Errorf("Wire of %q reads as %+v, want %+v", lb, got, lb)
	}
	if got := dns.Copy(rec.RR()).(*dns.PrivateRR).Data; !reflect.DeepEqual(got, lb) {
		t.Errorf("Copy of %q is %+v", lb, got)
	}
	// The zone file's scanner gives the same words as were written.
	z, problems := Parse(strings.NewReader(head+"x IN LB "+lb.String()+"\n"), "example.org", "test.zone", Settings{})
	if z == nil {
		if lb.Source == Consul && lb.Empty != EmptyFallback {
			t.Errorf("Zone with %q: %v", lb, Join(problems))
		}
	} else if got := z.LBs[0].LB; !reflect.DeepEqual(got, lb) && lb.Empty != EmptyFallback {
		t.Errorf("Zone with %q reads as %+v", lb, got)
	}
}

func TestOptionMistakes(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "LB has no data; write `LB consul SERVICE` or `LB srv OWNER`"},
		{"dns web", "LB source `dns` is neither consul nor srv; write `LB consul SERVICE` or `LB srv OWNER`"},
		{"consul", "LB consul has no name; write `LB consul SERVICE` or `LB srv OWNER` before the options"},
		{"consul answers=2", "LB consul has no name; write `LB consul SERVICE` or `LB srv OWNER` before the options"},
		{"srv a..b", "`a..b` is not a domain name; write the owner of SRV records, like _http._tcp"},
		{"consul web polcy=rr", "unknown option `polcy=`: did you mean `policy=`?"},
		{"consul web min_ttl=3", "unknown option `min_ttl=`: did you mean `min-ttl=`?"},
		{"consul web colour=red", "unknown option `colour=`; known are answers, check, dc, empty, every, fall, host, mean-ttl, min-ttl, policy, ramp, rise, session, sticky, tag, timeout, up-thresh, via"},
		{"consul web answers", "option `answers` has no value; write `answers=2`"},
		{"consul web answers=", "option `answers=` has no value; write `answers=2`"},
		{"consul web fast", "`fast` is not an option; options are written NAME=VALUE, without blanks around the equals sign"},
		{"consul web answers=2 answers=3", "option `answers=` is given twice; keep one of them"},
		{"consul web answers=0", "answers=0 is not within 1 and 32; write a number, like `answers=2`"},
		{"consul web answers=33", "answers=33 is not within 1 and 32; write a number, like `answers=2`"},
		{"consul web answers=two", "answers=two is not within 1 and 32; write a number, like `answers=2`"},
		{"consul web min-ttl=0", "min-ttl=0 is not within 1s and 168h; write seconds or a duration, like `min-ttl=30`"},
		{"consul web min-ttl=1500ms", "min-ttl=1500ms is not whole seconds, as DNS needs; write whole seconds, like `min-ttl=30`"},
		{"consul web min-ttl=-5s", "min-ttl=-5s is not within 1s and 168h; write seconds or a duration, like `min-ttl=30`"},
		{"consul web up-thresh=1.5", "up-thresh=1.5 is not within 0 and 1; write a share like `up-thresh=0.5` or `up-thresh=50%`"},
		{"consul web up-thresh=NaN", "up-thresh=NaN is not within 0 and 1; write a share like `up-thresh=0.5` or `up-thresh=50%`"},
		{"consul web empty=a..b", "empty=a..b is not a domain name; write all, last, none or the name to answer with instead"},
		{"consul web sticky=33", "sticky=33 is not an IPv4 prefix length of 1..32 and an IPv6 one of 1..128; write prefix lengths like `sticky=24/56`, `sticky=24`, or `sticky=off`"},
		{"consul web sticky=24/129", "sticky=24/129 is not an IPv4 prefix length of 1..32 and an IPv6 one of 1..128; write prefix lengths like `sticky=24/56`, `sticky=24`, or `sticky=off`"},
		{"consul web ramp=2h", "ramp=2h is not within 0 and 1h; write seconds or a duration, like `ramp=30s`"},
		{"consul web tag=a,,b", "tag=a,,b has an empty tag or one with blanks; write `tag=a,b` or `tag=a tag=b`"},
		{"consul web tag=a tag=a", "tag a is given twice; keep one of them"},
		{"consul web dc=a/b", "dc=a/b is not a datacenter's name; write the datacenter as Consul names it, like `dc=dc1`"},
		{"consul web via=vips", "via=vips is unknown; write `via=vip` for the directors' VIPs, or leave it out for the servers"},
		{"consul web every=2s", "option `every=` does not fit `LB consul`: it needs `LB srv`; remove it, or take the pool from srv"},
		{"srv _a._tcp tag=x", "option `tag=` does not fit `LB srv`: it needs `LB consul`; remove it, or take the pool from consul"},
		{"srv _a._tcp dc=x", "option `dc=` does not fit `LB srv`: it needs `LB consul`; remove it, or take the pool from consul"},
		{"srv _a._tcp via=vip", "option `via=` does not fit `LB srv`: it needs `LB consul`; remove it, or take the pool from consul"},
		{"srv _a._tcp check=ping", "check=ping: there is no check `ping`; " + checkRemedy},
		{"srv _a._tcp check=none:1", "check=none:1: `1` is too much; write `check=none`"},
		{"srv _a._tcp check=tcp:0", "check=tcp:0: port `0` is not within 1 and 65535; write a port, like `check=tcp:9000`"},
		{"srv _a._tcp check=http://web/", "check=http://web/: `web` is read as part of the path; write `check=http:/healthz` or `check=http:8081/healthz`; the virtual host goes into host="},
		{"srv _a._tcp check=http:web/", "check=http:web/: port `web` is not within 1 and 65535; write `check=http:/healthz` or `check=http:8081/healthz`; the virtual host goes into host="},
		{"srv _a._tcp check=exec:", "check=exec:: `` is not a command's name; name a command of the Corefile, like `check=exec:mysql`"},
		{"srv _a._tcp check=exec:/bin/sh", "check=exec:/bin/sh: `/bin/sh` is not a command's name; name a command of the Corefile, like `check=exec:mysql`"},
		{"srv _a._tcp check=tcp host=www", "option `host=` needs check=http, https or tls; add `check=http:/` or remove host="},
		{"srv _a._tcp check=http:/ host=a/b", "host=a/b is not a host name; write a host name, like `host=www.example.org`"},
		{"srv _a._tcp every=1ms", "every=1ms is not within 100ms and 1h; write seconds or a duration, like `every=2s`"},
		{"srv _a._tcp every=2x", "every=2x is not within 100ms and 1h; write seconds or a duration, like `every=2s`"},
		{"srv _a._tcp timeout=2m", "timeout=2m is not within 10ms and 1m; write seconds or a duration, like `timeout=1s`"},
		{"srv _a._tcp every=1s timeout=2s", "timeout 2s is longer than the 1s between checks; lower timeout= or raise every="},
		{"srv _a._tcp rise=0", "rise=0 is not within 1 and 100; write a number, like `rise=2`"},
		{"srv _a._tcp fall=101", "fall=101 is not within 1 and 100; write a number, like `fall=3`"},
		{`consul web policy=a\`, "option `policy=a\\` ends in half an escape; write a backslash as `\\\\`"},
		{"consul web policy=" + strings.Repeat("x", 250), `"policy=xxxxxxxxxxxxx"... is longer than 255 octets; shorten it`},
		{"consul" + strings.Repeat(" x", 64), "65 words are more than 64; leave some out"},
		{"consul web answers=0 fall=0 x=1", "answers=0 is not within 1 and 32; write a number, like `answers=2`\n" +
			"option `fall=` does not fit `LB consul`: it needs `LB srv`; remove it, or take the pool from srv\n" +
			"unknown option `x=`; known are answers, check, dc, empty, every, fall, host, mean-ttl, min-ttl, policy, ramp, rise, session, sticky, tag, timeout, up-thresh, via"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			err := new(LB).Parse(strings.Fields(tt.text))
			if err == nil {
				t.Fatal("Parse took it")
			}
			if err.Error() != tt.want {
				t.Errorf("Got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Every option has a case above that sets it, and one that refuses a value.
func TestOptionsAreTested(t *testing.T) {
	for name, o := range options {
		source := "consul"
		if o.needs != "" {
			source = o.needs
		}
		words := []string{source, "web", name + "=" + o.example}
		if name == "host" {
			words = append(words, "check=http:/")
		}
		if err := new(LB).Parse(words); err != nil {
			t.Errorf("Example of option %s: %v", name, err)
		}
	}
}

func TestProbeDefaults(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Probe
	}{
		{"nothing said", "srv a", Probe{Check{Kind: CheckTCP}, 2 * time.Second, time.Second, 2, 3}},
		{"timeout follows a short every", "srv a every=300ms", Probe{Check{Kind: CheckTCP}, 300 * time.Millisecond, 300 * time.Millisecond, 2, 3}},
		{"all said", "srv a check=tls:1 every=9s timeout=3s rise=5 fall=6", Probe{Check{Kind: CheckTLS, Port: 1}, 9 * time.Second, 3 * time.Second, 5, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lb := new(LB)
			if err := lb.Parse(strings.Fields(tt.text)); err != nil {
				t.Fatal(err)
			}
			if got := lb.Probe(); got != tt.want {
				t.Errorf("Got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestUnpackMistakes(t *testing.T) {
	for name, wire := range map[string]string{
		"empty":           "",
		"no words":        "\x00",
		"too many words":  "\xff",
		"cut word":        "\x02\x06consul\x09web",
		"missing word":    "\x03\x06consul\x03web",
		"not LB data":     "\x02\x03foo\x03web",
		"unknown options": "\x03\x06consul\x03web\x03a=b",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := new(LB).Unpack([]byte(wire)); err == nil {
				t.Error("Unpack took it")
			}
		})
	}
}

func TestPackRefusesAShortBuffer(t *testing.T) {
	lb := web(func(*LB) {})
	if _, err := lb.Pack(make([]byte, lb.Len()-1)); err == nil {
		t.Error("Pack took it")
	}
}
