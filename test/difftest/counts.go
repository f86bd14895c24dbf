package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/test/difftest/judge"
)

// counts is what a run has found so far.
type counts struct {
	pairs, different int
	kinds            map[string]*row
	allowed          map[string]int // by allowance
	splits           map[string]int // by signature
	differences      map[string]int // by signature
	smallest         map[string]*finding
}

// row counts answers of one kind.
type row struct {
	Kind      string `json:"kind"`
	Pairs     int    `json:"pairs"`
	Split     int    `json:"split"`
	Different int    `json:"different"`
}

func newCounts() *counts {
	return &counts{
		kinds: map[string]*row{}, allowed: map[string]int{}, splits: map[string]int{},
		differences: map[string]int{}, smallest: map[string]*finding{},
	}
}

func (c *counts) add(f *finding) {
	v := &f.verdict
	c.pairs++
	r := c.kinds[v.Kind]
	if r == nil {
		r = &row{Kind: v.Kind}
		c.kinds[v.Kind] = r
	}
	r.Pairs++
	for _, name := range v.Used {
		c.allowed[name]++
	}
	if len(v.Split) > 0 {
		r.Split++
		c.splits[v.Kind+": "+judge.Signature(v.Split)]++
		if !v.Different() {
			c.example(f)
		}
	}
	if v.Different() {
		r.Different++
		c.different++
		c.differences[v.Signature()]++
		c.example(f)
	}
}

// example keeps what is found in the smallest zone.
func (c *counts) example(f *finding) {
	sig := f.verdict.Signature()
	if old := c.smallest[sig]; old == nil || len(f.subject.zone.Lines) < len(old.subject.zone.Lines) {
		c.smallest[sig] = f
	}
}

// signatures are the kinds of differences, the most frequent first.
func (c *counts) signatures() []string { return frequent(c.differences) }

func frequent(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
}

// report is the outcome of a run.
type report struct {
	Pairs       int          `json:"pairs"`
	Seconds     float64      `json:"seconds"` // with the starts of the servers
	Different   int          `json:"different"`
	Kinds       []*row       `json:"kinds"`
	Allowed     []count      `json:"allowed"`
	Splits      []count      `json:"splits"` // where the others do not agree with each other
	Differences []difference `json:"differences"`
}

type count struct {
	Name  string `json:"name"`
	Pairs int    `json:"pairs"`
}

// difference is one kind of difference, with an example.
type difference struct {
	Signature string `json:"signature"`
	Pairs     int    `json:"pairs"`
	Seed      uint64 `json:"seed"`
	Origin    string `json:"origin"`
	Zone      string `json:"zone"`
	Expected  string `json:"expected"` // the question, and what another server answers
	Ours      string `json:"ours"`
}

func (c *counts) report(took time.Duration, examples int) *report {
	r := &report{Pairs: c.pairs, Seconds: took.Seconds(), Different: c.different, Allowed: list(c.allowed), Splits: list(c.splits)}
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		r.Kinds = append(r.Kinds, c.kinds[kind])
	}
	for i, sig := range c.signatures() {
		d := difference{Signature: sig, Pairs: c.differences[sig]}
		if i < examples {
			c.smallest[sig].describe(&d)
		}
		r.Differences = append(r.Differences, d)
	}
	return r
}

func list(counts map[string]int) []count {
	all := make([]count, 0, len(counts))
	for _, name := range frequent(counts) {
		all = append(all, count{name, counts[name]})
	}
	return all
}
