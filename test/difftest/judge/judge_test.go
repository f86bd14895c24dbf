package judge

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const zoneText = `@ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ 3600 IN NS ns1
ns1 300 IN A 192.0.2.53
www 300 IN A 192.0.2.1
mail 300 IN MX 10 www
sub 300 IN NS ns.sub
sub 300 IN NS ns1
sub 300 IN DS 1 13 2 00
ns.sub 300 IN A 192.0.2.54
*.wild 300 IN A 192.0.2.2
a 300 IN CNAME b
b 300 IN CNAME www
one 300 IN DNAME two
two 300 IN DNAME one
long 300 IN DNAME example.net.
`

// reply makes a message of its flags and records: "aa", an rcode, and records
// after "answer", "authority" or "additional", separated by commas.
func reply(t *testing.T, q dns.Question, text string) *Answer {
	t.Helper()
	m := &dns.Msg{Question: []dns.Question{q}}
	for _, line := range strings.Split(text, ",") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		section := map[string]*[]dns.RR{"answer": &m.Answer, "authority": &m.Ns, "additional": &m.Extra}[word]
		rcode, isRcode := dns.StringToRcode[word]
		switch {
		case word == "aa":
			m.Authoritative = true
		case isRcode:
			m.Rcode = rcode
		case section != nil:
			zp := dns.NewZoneParser(strings.NewReader(rest+"\n"), "example.org.", "")
			rr, ok := zp.Next()
			if !ok {
				t.Fatalf("%q: %v", rest, zp.Err())
			}
			*section = append(*section, rr)
		default:
			t.Fatalf("%q is neither a flag, an rcode nor a section", word)
		}
	}
	return NewAnswer(m, nil)
}

func judge(t *testing.T, question, ours, nsd, knot string) Verdict {
	t.Helper()
	zone, err := ReadZone(zoneText, "example.org.")
	if err != nil {
		t.Fatal(err)
	}
	name, rrtype, _ := strings.Cut(question, " ")
	q := dns.Question{Name: name + ".example.org.", Qtype: dns.StringToType[rrtype], Qclass: dns.ClassINET}
	return Judge(&Case{Zone: zone, Question: q, Ours: reply(t, q, ours), Others: []Reference{
		{"nsd", reply(t, q, nsd)}, {"knot", reply(t, q, knot)},
	}})
}

func TestDifferent(t *testing.T) {
	const (
		www = "aa, answer www 300 A 192.0.2.1"
		soa = "authority @ 60 SOA ns1 hostmaster 1 7200 900 1209600 60"
		ref = "authority sub 300 NS ns.sub, authority sub 300 NS ns1, additional ns.sub 300 A 192.0.2.54"
	)
	for _, c := range []struct {
		name, question, ours, nsd, knot string
		want                            string // of the signature; empty if nothing is wrong
	}{
		{"the same", "www A", www, www, www, ""},
		{"another case", "www A", "aa, answer WWW 300 A 192.0.2.1", www, www, ""},
		{"another TTL", "www A", "aa, answer www 301 A 192.0.2.1", www, www, "positive: answer: extra A, answer: missing A"},
		{"not authoritative", "www A", "answer www 300 A 192.0.2.1", www, www, "positive: aa: false, not true"},
		{"another rcode", "no A", "aa, " + soa, "aa, NXDOMAIN, " + soa, "aa, NXDOMAIN, " + soa, "nxdomain: rcode: NOERROR, not NXDOMAIN"},
		{"no SOA", "www MX", "aa", "aa, " + soa, "aa, " + soa, "nodata: authority: missing SOA"},
		{"as one of two", "www RRSIG", "aa, " + soa, "aa, answer www 300 A 192.0.2.1", "aa, " + soa, ""},
		{"as neither of two", "www RRSIG", "aa, REFUSED", "aa, answer www 300 A 192.0.2.1", "aa, " + soa, "positive: answer: missing A, rcode: REFUSED, not NOERROR"},
		{
			"the proofs of both", "no A", "aa, NXDOMAIN, " + soa + ", authority @ 60 NSEC a NS, authority a 60 NSEC b A",
			"aa, NXDOMAIN, " + soa + ", authority @ 60 NSEC a NS", "aa, NXDOMAIN, " + soa + ", authority a 60 NSEC b A", "",
		},
		{
			"a proof of neither", "no A", "aa, NXDOMAIN, " + soa + ", authority @ 60 NSEC a NS, authority a 60 NSEC c A",
			"aa, NXDOMAIN, " + soa + ", authority @ 60 NSEC a NS", "aa, NXDOMAIN, " + soa + ", authority a 60 NSEC b A", "nxdomain: authority: extra NSEC",
		},
		{"without glue", "x.sub A", "authority sub 300 NS ns.sub, authority sub 300 NS ns1", ref, ref, "referral: additional: missing A"},
		{"a record twice", "www A", www + ", answer www 300 A 192.0.2.1", www, www, "positive: record twice"},
		{
			"a chain out of order", "a A", "aa, answer b 300 CNAME www, answer a 300 CNAME b, answer www 300 A 192.0.2.1",
			"aa, answer a 300 CNAME b, answer b 300 CNAME www, answer www 300 A 192.0.2.1",
			"aa, answer a 300 CNAME b, answer b 300 CNAME www, answer www 300 A 192.0.2.1",
			"cname, positive: answer is not in the order of its chain",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(t, c.question, c.ours, c.nsd, c.knot)
			if got := v.Signature(); v.Different() != (c.want != "") || v.Different() && got != c.want {
				t.Errorf("different: %v, by %q; want %q", v.Different(), got, c.want)
			}
		})
	}
}

// TestAllowances: each allows what it says, and nothing beside it.
func TestAllowances(t *testing.T) {
	const (
		www = "aa, answer www 300 A 192.0.2.1"
		ref = "authority sub 300 NS ns.sub, additional ns.sub 300 A 192.0.2.54"
		one = "aa, answer one 300 DNAME two, answer x.one 300 CNAME x.two"
	)
	for _, c := range []struct {
		allowance, question, ours, others string
		beside                            string // ours, when it is not allowed
	}{
		{
			"apex NS beside a positive answer", "www A", www, www + ", authority @ 3600 NS ns1",
			"aa, answer www 300 A 192.0.2.1, authority @ 3600 NS ns2",
		}, {
			"additional records", "mail MX", "aa, answer mail 300 MX 10 www", "aa, answer mail 300 MX 10 www, additional www 300 A 192.0.2.1",
			"aa, answer mail 300 MX 10 www, additional www 300 A 192.0.2.9",
		}, {
			"addresses from a wildcard", "mail MX", "aa, answer mail 300 MX 10 www", "aa, answer mail 300 MX 10 www, additional x.wild 300 A 192.0.2.2",
			"aa, answer mail 300 MX 10 www, additional wild 300 A 192.0.2.2",
		}, {
			"ANY", "www ANY", "aa, answer www 3600 HINFO RFC8482 \"\"", www,
			"aa, NXDOMAIN",
		}, {
			"endless chain", "x.one A", one, one + ", answer two 300 DNAME one, answer x.two 300 CNAME x.one",
			one + ", answer x.two 300 A 192.0.2.1",
		}, {
			"DS beside a referral, unsigned", "x.sub A", ref + ", authority sub 300 DS 1 13 2 00", ref,
			ref + ", authority sub 300 DS 2 13 2 00",
		}, {
			"SOA beside YXDOMAIN", "x.long A", "aa, YXDOMAIN, answer long 300 DNAME example.net.",
			"aa, YXDOMAIN, answer long 300 DNAME example.net., authority @ 60 SOA ns1 hostmaster 1 7200 900 1209600 60",
			"aa, YXDOMAIN, authority @ 60 SOA ns1 hostmaster 1 7200 900 1209600 60",
		},
	} {
		t.Run(c.allowance, func(t *testing.T) {
			v := judge(t, c.question, c.ours, c.others, c.others)
			if v.Different() || !slices.Contains(v.Used, c.allowance) {
				t.Errorf("different: %v, by %q, with %q", v.Different(), v.Signature(), v.Used)
			}
			if v := judge(t, c.question, c.beside, c.others, c.others); !v.Different() {
				t.Errorf("%q is allowed too, with %q", c.beside, v.Used)
			}
		})
	}
}

// TestSiblingGlue may be left out of a full message only (RFC 9471 section 3.2).
func TestSiblingGlue(t *testing.T) {
	many := "authority sub 300 NS ns1"
	for range 5 {
		many += ", authority sub 300 NS " + strings.Repeat("n", 50) + string(rune('a'+len(many)%26))
	}
	for text, different := range map[string]bool{"authority sub 300 NS ns1": true, many: false} {
		with := text + ", additional ns1 300 A 192.0.2.53"
		if v := judge(t, "x.sub A", text, with, with); v.Different() != different {
			t.Errorf("different: %v, in a message of %d names", v.Different(), strings.Count(text, "NS"))
		}
	}
}
