package main

import (
	"testing"

	"github.com/ballast-lb/ballast/test/difftest/judge"
	"github.com/ballast-lb/ballast/test/difftest/zonegen"
)

// nested are a zone and one that it delegates, which the same server has.
var nested = []zonegen.Zone{
	{Shape: "example.org.", Lines: []string{
		"@ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 60",
		"@ 3600 IN NS ns1",
		"ns1 300 IN A 192.0.2.53",
		"sub 300 IN NS ns.sub",
		"ns.sub 300 IN A 192.0.2.54",
		"sub 300 IN DS 60485 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"plain 300 IN CNAME www.sub",
		"other 300 IN NS ns.sub",
	}},
	{Shape: "sub.example.org.", Lines: []string{
		"@ 300 IN SOA ns hostmaster 1 7200 900 1209600 60",
		"@ 300 IN NS ns",
		"ns 300 IN A 192.0.2.54",
		"www 300 IN A 192.0.2.1",
	}},
}

// TestParentAndChild: the child answers for its names, and the parent for the
// DS at the cut (RFC 4035 section 3.1.4.1).
func TestParentAndChild(t *testing.T) {
	s := need(t)
	tester, err := newTester(s, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	stage, err := startStage(t.Context(), tester.kinds, nested)
	if err != nil {
		t.Fatal(err)
	}
	defer stage.stop()
	a, err := stage.newAsker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for _, c := range []struct {
		name, rrtype string
		zone         int // that answers
	}{
		{"sub", "DS", 0}, {"sub", "NS", 1}, {"sub", "SOA", 1}, {"sub", "A", 1}, {"www.sub", "A", 1}, {"www.sub", "DS", 1},
		{"missing.sub", "A", 1}, {"missing.sub", "DS", 1}, {"ns.sub", "A", 1}, {"other", "A", 0}, {"other", "DS", 0}, {"missing", "A", 0}, {"@", "DS", 0},
	} {
		t.Run(c.name+" "+c.rrtype, func(t *testing.T) {
			rrtype, err := readType(c.rrtype)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := judge.ReadZone(nested[c.zone].Text(), nested[c.zone].Shape)
			if err != nil {
				t.Fatal(err)
			}
			m := message(zonegen.Question{Name: c.name, Type: rrtype}, nested[0].Shape)
			answers, err := a.ask(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			v := judge.Judge(&judge.Case{Zone: zone, Question: m.Question[0], Ours: answers[0], Others: []judge.Reference{
				{Name: "nsd", Answer: answers[1]}, {Name: "knot", Answer: answers[2]},
			}})
			if v.Different() {
				t.Errorf("%s:\n%sexpected:\n%s", v.Signature(), answerText(answers[0], nested[0].Shape), answerText(answers[1], nested[0].Shape))
			}
		})
	}
}
