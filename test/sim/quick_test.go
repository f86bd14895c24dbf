package main

import (
	"context"
	"testing"

	"github.com/ballast-lb/ballast/test/sim/world"
)

// TestOrderOfPolicies is the report in small: the literature's order, the herd,
// and how much of the gap to the ceiling headroom closes. Margins are three times
// what seeds make of it, and far from what a policy reaches that learns nothing
// from reports (which closes a fifth of the gap).
func TestOrderOfPolicies(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates for half a minute")
	}
	j := &jobs{seed0: 301, seeds: 3, hours: 5}
	row := j.add(plain(35), subjects("rr,least-load,prr2-ttl1,prr2-ttl2,prr2-ttlk,drr2-ttlsk,headroom,headroom:2,oracle"))
	headroom := subjects("headroom")
	told := j.add(scenario{Het: 35, change: func(p *world.Params) { p.Replicas, p.Told = 3, 0.2 }}, headroom)
	kept := j.add(scenario{Het: 35, change: func(p *world.Params) { p.Restarts, p.Kept = 3600, true }}, headroom)
	if err := runAll(context.Background(), j); err != nil {
		t.Fatal(err)
	}
	p := func(who string) float64 { return over(find(row, who).runs, below(.98)).Mean }
	for _, c := range []struct {
		name     string
		low      float64
		got      float64
		high     float64
		question string
	}{
		{"TTL/1 is worse than TTL/2", 0.10, p("prr2-ttl2") - p("prr2-ttl1"), 1, "by how much"},
		{"TTL/2 is worse than TTL/K", 0.02, p("prr2-ttlk") - p("prr2-ttl2"), 1, "by how much"},
		{"TTL/K is worse than S_K", 0.005, p("drr2-ttlsk") - p("prr2-ttlk"), 1, "by how much"},
		{"the least reported load herds", -0.05, p("least-load") - p("rr"), 0.05, "how far from round robin"},
		{"headroom closes the gap to the oracle", 0.60, closure(find(row, "headroom"), find(row, "drr2-ttlsk"), find(row, "oracle")), 1.1, "which part"},
		{"with two addresses more of it", 0.65, closure(find(row, "headroom:2"), find(row, "drr2-ttlsk"), find(row, "oracle")), 1.1, "which part"},
		{"headroom keeps the most loaded server below 98 %", 0.965, p("headroom"), 1, "how often"},
		{"so do three name servers that tell each other (.46 if they do not)", 0.95, over(told[0].runs, below(.98)).Mean, 1, "how often"},
		{"so does one that is restarted and remembers (.72 if it does not)", 0.93, over(kept[0].runs, below(.98)).Mean, 1, "how often"},
	} {
		if c.got < c.low || c.got > c.high {
			t.Errorf("%s: %s is %.3f, not within %.3f and %.3f", c.name, c.question, c.got, c.low, c.high)
		}
	}
	constant := over(find(row, "rr").runs, queries).Mean
	for _, c := range row {
		if c.who.Policy == "oracle" {
			continue
		}
		if ratio := over(c.runs, queries).Mean / constant; ratio < 0.97 || ratio > 1.03 {
			t.Errorf("%s asks %.3f times as often as a constant TTL", c.who, ratio)
		}
	}
}

func TestParseSubjects(t *testing.T) {
	got, err := parseSubjects("rr, headroom:2,oracle")
	want := []subject{{"rr", 1}, {"headroom", 2}, {"oracle", 1}}
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "lottery", "headroom:0", "headroom:x", "headroom:33"} {
		if _, err := parseSubjects(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-het", "20,65", "-policies", "rr", "-seeds", "2", "-floor", "60"})
	if err != nil || len(o.het) != 2 || o.het[1] != 65 || o.seeds != 2 || o.floor != 60 {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-het", "40"}, {"-seeds", "-1"}, {"-hours", "0.1"}, {"-policies", "x"}, {"what"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestSpread(t *testing.T) {
	f := spread([]float64{1, 2, 3, 4})
	if f.Mean != 2.5 || f.Half < 2.04 || f.Half > 2.07 { // 3.182 x 1.291 / 2
		t.Errorf("got %+v", f)
	}
	if f := spread([]float64{7}); f.Mean != 7 || f.Half != 0 {
		t.Errorf("one value: %+v", f)
	}
}
