package main

import (
	"slices"
	"strings"
	"testing"
)

const benchOutput = `goos: linux
pkg: github.com/ballast-lb/ballast/plugin
BenchmarkServeDNS/A/served  	  110157	      2921 ns/op	     280 B/op	       4 allocs/op
BenchmarkServeDNS/A/by_hand-2 	 1000000	       597.3 ns/op	     200 B/op	       3 allocs/op
BenchmarkServeDNS/A/served  	  110157	      1921 ns/op	     280 B/op	       3 allocs/op
PASS
`

func TestReadBenchmarks(t *testing.T) {
	c := costs{}
	if err := c.read(strings.NewReader(benchOutput)); err != nil {
		t.Fatal(err)
	}
	served, err := c.get("ServeDNS/A/served")
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{2921, 1921}; !slices.Equal(served.ns, want) || served.allocs != 4 {
		t.Errorf("served: %v ns, %d allocations; want %v, 4", served.ns, served.allocs, want)
	}
	byHand, err := c.get("ServeDNS/A/by_hand")
	if err != nil {
		t.Fatal(err)
	}
	if len(byHand.ns) != 1 || byHand.ns[0] != 597.3 || byHand.allocs != 3 {
		t.Errorf("by hand: %v", byHand)
	}
	if _, err := c.get("ServeDNS/MX/served"); err == nil || !strings.Contains(err.Error(), "BenchmarkServeDNS/MX/served") {
		t.Errorf("a missing benchmark gives %v", err)
	}
	if err := c.read(strings.NewReader("BenchmarkX 1 fast ns/op\n")); err == nil {
		t.Error("a value that is no number is taken")
	}
}

func TestAnswerRow(t *testing.T) {
	byHand := &cost{ns: []float64{100, 200, 300}, allocs: 3}
	for _, c := range []struct {
		name   string
		served cost
		ratio  float64
		goal   string
	}{
		{"cheap", cost{[]float64{300, 600, 900}, 3}, 3, "own 400 of at most 1000 ns, 0 allocations of none: met"},
		{"an allocation too many", cost{[]float64{300, 600, 900}, 4}, 3, "own 400 of at most 1000 ns, 1 allocations of none: **missed**"},
		{"slow", cost{[]float64{2000, 4000, 6000}, 3}, 20, "own 3800 of at most 1000 ns, 0 allocations of none: **missed**"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := answerRow("A", &c.served, byHand)
			if row.Ratio.Median != c.ratio {
				t.Errorf("ratio %v, want %v", row.Ratio.Median, c.ratio)
			}
			if got := row.Goal.String(); got != c.goal {
				t.Errorf("goal %q, want %q", got, c.goal)
			}
		})
	}
}
