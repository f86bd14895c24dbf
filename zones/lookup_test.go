package zones

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// menagerie has one of everything that a lookup may come across.
const menagerie = `
www A 192.0.2.1
www A 192.0.2.2
mail MX 10 www
mail MX 20 host.child
lb LB consul web
lb TXT beside
*.lb2 LB consul web
a.b.deep TXT x
*.wild TXT any
*.wild MX 10 www
x.y.wild A 192.0.2.3
*.alias CNAME www
star.*.odd A 192.0.2.4
*.odd TXT odd
c1 CNAME c2
c2 CNAME www
clb CNAME lb
cout CNAME www.example.net.
cnone CNAME nowhere
cnodata CNAME mail
cchild CNAME x.child
left DNAME right
right DNAME left
dname DNAME target
dname TXT beside
www.target A 192.0.2.5
out DNAME example.net.
child NS ns1.child
child NS ns2.sister
child DS 1 13 2 ABCD000000000000000000000000000000000000000000000000000000000000
ns1.child A 192.0.2.6
host.child A 192.0.2.7
sister NS ns2.sister
ns2.sister AAAA 2001:db8::6
bare NS ns.example.net.
sub.bare NS ns.example.net.
b\255d\.dot A 192.0.2.8
`

// shown writes a record as "owner TYPE data", names of the zone without it.
func shown(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		f := strings.Fields(rr.String())
		text := strings.Join(append([]string{f[0]}, f[3:]...), " ")
		out = append(out, strings.TrimSpace(strings.ReplaceAll(text+" ", ".example.org. ", " ")))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// TestLookup has the rules of RFC 1034 section 4.3.2 with what later ones made
// of them.
func TestLookup(t *testing.T) {
	z, problems := parseText(menagerie)
	if z == nil {
		t.Fatal(Join(problems))
	}
	const soa = "SOA"
	for _, tt := range []struct {
		name, ask string
		want      Result
		answer    string
		ns        string
		extra     string
	}{
		{"a set", "www A", Success, "www A 192.0.2.1; www A 192.0.2.2", "", ""},
		{"in any case", "WwW A", Success, "www A 192.0.2.1; www A 192.0.2.2", "", ""},
		{"with escapes", `b\255d\.dot A`, Success, `b\255d\.dot A 192.0.2.8`, "", ""},
		{"addresses go with MX, glue does not (RFC 2181 section 5.4.1)", "mail MX", Success, "mail MX 10 www; mail MX 20 host.child", "", "www A 192.0.2.1; www A 192.0.2.2"},
		{"NODATA", "www TXT", NoData, "", soa, ""},
		{"NXDOMAIN", "nowhere A", NameError, "", soa, ""},
		{"NXDOMAIN below a name with data", "x.www A", NameError, "", soa, ""},
		{"empty non-terminal (RFC 8020)", "deep A", NoData, "", soa, ""},
		{"empty non-terminal, one lower", "b.deep A", NoData, "", soa, ""},
		{"beside it", "c.deep A", NameError, "", soa, ""},
		{"ANY has the caller make a record", "www ANY", Success, "", "", ""},
		{"ANY at an empty non-terminal", "deep ANY", NoData, "", soa, ""},
		{"ANY at an alias", "c1 ANY", Success, "c1 CNAME c2", "", ""},

		{"wildcard (RFC 4592)", "q.wild TXT", Success, `q.wild TXT "any"`, "", ""},
		{"wildcard, more labels", "r.q.wild TXT", Success, `r.q.wild TXT "any"`, "", ""},
		{"wildcard has not the type", "q.wild A", NoData, "", soa, ""},
		{"wildcard itself", "*.wild TXT", Success, `*.wild TXT "any"`, "", ""},
		{"wildcard's addresses", "q.wild MX", Success, "q.wild MX 10 www", "", "www A 192.0.2.1; www A 192.0.2.2"},
		{"an existing name hides the wildcard", "x.y.wild TXT", NoData, "", soa, ""},
		{"an empty non-terminal hides it", "y.wild TXT", NoData, "", soa, ""},
		{"and below", "z.y.wild TXT", NameError, "", soa, ""},
		{"alias from a wildcard", "q.alias A", Success, "q.alias CNAME www; www A 192.0.2.1; www A 192.0.2.2", "", ""},
		{"an asterisk within a name is none", "q.x.odd TXT", Success, `q.x.odd TXT "odd"`, "", ""},
		{"below the asterisk label", "star.*.odd A", Success, "star.*.odd A 192.0.2.4", "", ""},
		{"beside it there", "moon.*.odd A", NameError, "", soa, ""},

		{"aliases (RFC 1034 section 3.6.2)", "c1 A", Success, "c1 CNAME c2; c2 CNAME www; www A 192.0.2.1; www A 192.0.2.2", "", ""},
		{"the alias itself", "c1 CNAME", Success, "c1 CNAME c2", "", ""},
		{"alias out of the zone", "cout A", Success, "cout CNAME www.example.net.", "", ""},
		{"alias to nowhere (RFC 6604)", "cnone A", NameError, "cnone CNAME nowhere", soa, ""},
		{"alias to a name without the type", "cnodata A", NoData, "cnodata CNAME mail", soa, ""},
		{"alias into a delegation", "cchild A", Referral, "cchild CNAME x.child", "child NS ns1.child; child NS ns2.sister", "ns1.child A 192.0.2.6; ns2.sister AAAA 2001:db8::6"},

		{"DNAME itself (RFC 6672)", "dname DNAME", Success, "dname DNAME target", "", ""},
		{"data beside a DNAME", "dname TXT", Success, `dname TXT "beside"`, "", ""},
		{"below a DNAME", "www.dname A", Success, "dname DNAME target; www.dname CNAME www.target; www.target A 192.0.2.5", "", ""},
		{"below a DNAME to nowhere", "q.dname A", NameError, "dname DNAME target; q.dname CNAME q.target", soa, ""},
		{"DNAMEs in a circle", "q.left A", Success, "left DNAME right; q.left CNAME q.right; q.right CNAME q.left; right DNAME left", "", ""},
		{"below a DNAME out of the zone", "q.out A", Success, "out DNAME example.net.; q.out CNAME q.example.net.", "", ""},

		{"delegation", "child A", Referral, "", "child NS ns1.child; child NS ns2.sister", "ns1.child A 192.0.2.6; ns2.sister AAAA 2001:db8::6"},
		{"below a delegation", "q.child A", Referral, "", "child NS ns1.child; child NS ns2.sister", "ns1.child A 192.0.2.6; ns2.sister AAAA 2001:db8::6"},
		{"glue is not answered", "ns1.child A", Referral, "", "child NS ns1.child; child NS ns2.sister", "ns1.child A 192.0.2.6; ns2.sister AAAA 2001:db8::6"},
		{"NS of a delegation", "child NS", Referral, "", "child NS ns1.child; child NS ns2.sister", "ns1.child A 192.0.2.6; ns2.sister AAAA 2001:db8::6"},
		{"DS is the parent's (RFC 4035 section 3.1.4.1)", "child DS", Success, "child DS 1 13 2 ABCD000000000000000000000000000000000000000000000000000000000000", "", ""},
		{"no DS", "bare DS", NoData, "", soa, ""},
		{"DS below a delegation", "x.child DS", Referral, "", "child NS ns1.child; child NS ns2.sister", "ns1.child A 192.0.2.6; ns2.sister AAAA 2001:db8::6"},
		{"the topmost delegation", "x.sub.bare A", Referral, "", "bare NS ns.example.net.", ""},

		{"LB", "lb A", Steered, "", "", ""},
		{"SRV at an LB name", "lb SRV", Steered, "", "", ""},
		{"data beside an LB", "lb TXT", Success, `lb TXT "beside"`, "", ""},
		{"NODATA at an LB name", "lb MX", NoData, "", soa, ""},
		{"LB from a wildcard", "q.lb2 AAAA", Steered, "", "", ""},
		{"alias to an LB name", "clb A", Steered, "clb CNAME lb", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(z, tt.ask, false)
			ns := strings.Replace(shown(a.Ns), "example.org. SOA ns1 hostmaster 1 7200 900 1209600 30", soa, 1)
			if a.Result != tt.want || shown(a.Answer) != tt.answer || ns != tt.ns || shown(a.Extra) != tt.extra {
				t.Errorf("Got %d\nanswer %s\nns %s\nextra %s", a.Result, shown(a.Answer), ns, shown(a.Extra))
			}
			if (a.LB != nil) != (tt.want == Steered) {
				t.Errorf("LB is %v", a.LB)
			}
			if a.Authoritative() != (tt.want != Referral || tt.answer != "") {
				t.Errorf("Authoritative %v", a.Authoritative())
			}
		})
	}
}

// ask looks up "name TYPE" in the zone example.org.
func ask(z *Zone, question string, signed bool) Answer {
	name, rrtype, _ := strings.Cut(question, " ")
	name = strings.TrimPrefix(name+".example.org.", "@.")
	return z.Lookup(Question{Name: name, Key: strings.ToLower(name), Type: dns.StringToType[rrtype], Signed: signed})
}

// A circle is left where it closes, a chain after so many aliases.
func TestLongAliases(t *testing.T) {
	var chain strings.Builder
	for i := range maxAliases + 5 {
		fmt.Fprintf(&chain, "c%d CNAME c%d\n", i, i+1)
	}
	z, problems := parseText(chain.String())
	if z == nil {
		t.Fatal(Join(problems))
	}
	if a := ask(z, "c0 A", false); a.Result != Success || len(a.Answer) != maxAliases {
		t.Errorf("Got %d, %s", a.Result, shown(a.Answer))
	}
	if a := ask(z, "c18 A", false); a.Result != NameError || len(a.Answer) != 3 {
		t.Errorf("Got %d, %s", a.Result, shown(a.Answer))
	}
}

// A DNAME may make a name longer than a message can hold (RFC 6672 section 2.2).
func TestTooLong(t *testing.T) {
	label := strings.Repeat("x", 63)
	z, problems := parseText("d DNAME " + label + "." + label + "." + label)
	if z == nil {
		t.Fatal(Join(problems))
	}
	if a := ask(z, label+".d A", false); a.Result != TooLong || len(a.Answer) != 1 {
		t.Errorf("Got %d, %s", a.Result, shown(a.Answer))
	}
	if a := ask(z, "short.d A", false); a.Result != NameError || len(a.Answer) != 2 {
		t.Errorf("Got %d, %s", a.Result, shown(a.Answer))
	}
}

// What can be given as it is costs nothing.
func TestLookupAllocatesNothing(t *testing.T) {
	z, problems := parseText(menagerie)
	if z == nil {
		t.Fatal(Join(problems))
	}
	for _, question := range []string{"www A", "mail MX", "deep A", "nowhere.at.all A", "q.child A", "lb A"} {
		name, rrtype, _ := strings.Cut(question, " ")
		q := Question{Name: name + ".example.org.", Key: name + ".example.org.", Type: dns.StringToType[rrtype]}
		if n := testing.AllocsPerRun(100, func() { z.Lookup(q) }); n != 0 {
			t.Errorf("%s costs %.0f allocations", question, n)
		}
	}
}

// Wherever the SOA is told it has the serial that the zone is served under.
func TestWithSerial(t *testing.T) {
	z, problems := parseText(menagerie)
	if z == nil {
		t.Fatal(Join(problems))
	}
	was := z.SOA.Serial
	numbered := z.WithSerial(was + 5)
	for of, want := range map[*Zone]uint32{z: was, numbered: was + 5} {
		for question, section := range map[string]func(Answer) []dns.RR{
			"@ SOA":     func(a Answer) []dns.RR { return a.Answer },
			"www MX":    func(a Answer) []dns.RR { return a.Ns },
			"nowhere A": func(a Answer) []dns.RR { return a.Ns },
		} {
			rrs := section(ask(of, question, false))
			if len(rrs) != 1 || rrs[0].(*dns.SOA).Serial != want {
				t.Errorf("%s: got %s, want serial %d", question, shown(rrs), want)
			}
		}
		if of.SOA.Serial != want || of.NegativeSOA().Serial != want || of.NegativeSOA().Hdr.Ttl != z.NegativeSOA().Hdr.Ttl {
			t.Errorf("The SOAs are\n%v\n%v", of.SOA, of.NegativeSOA())
		}
	}
	if a := ask(numbered, "www A", false); len(a.Answer) != 2 {
		t.Errorf("www is answered with %s", shown(a.Answer))
	}
}
