package main

import (
	"fmt"
	"strings"
)

// entry is a cell as it is reported.
type entry struct {
	Scenario      string `json:"scenario"`
	Heterogeneity int    `json:"heterogeneity"`
	subject
	P80       figure  `json:"p_below_0.80"`
	P90       figure  `json:"p_below_0.90"`
	P98       figure  `json:"p_below_0.98"`
	Queries   figure  `json:"queries_per_second"`
	Imbalance figure  `json:"max_over_mean"`
	MeanPage  figure  `json:"page_mean_seconds"`
	P95Page   figure  `json:"page_p95_seconds"`
	Ahead     *figure `json:"ahead_of_best_published,omitempty"` // paired, of P98
	Closure   float64 `json:"gap_closure,omitempty"`
}

func (c *cell) entry(row []*cell) entry {
	e := entry{
		Scenario: c.scenario.Name, Heterogeneity: c.scenario.Het, subject: c.who,
		P80: over(c.runs, below(.8)), P90: over(c.runs, below(.9)), P98: over(c.runs, below(.98)),
		Queries:   over(c.runs, queries),
		Imbalance: over(c.runs, imbalance),
		MeanPage:  over(c.runs, meanPage),
		P95Page:   over(c.runs, p95Page),
	}
	best, ceiling := bestPublished(row), find(row, "oracle")
	if c.who.Policy != "headroom" || best == nil {
		return e
	}
	a := ahead(c, best)
	e.Ahead = &a
	if ceiling != nil {
		e.Closure = closure(c, best, ceiling)
	}
	return e
}

// levelTable is the papers' world: a policy a line, a heterogeneity a column.
func levelTable(rows [][]*cell) string {
	var b strings.Builder
	b.WriteString("| P(<.90) / P(<.98) |")
	for _, row := range rows {
		fmt.Fprintf(&b, " %s |", row[0].scenario.Name)
	}
	b.WriteString(" questions/s at 35 % | max/mean | 95 % of pages within |\n|---|" + strings.Repeat("--:|", len(rows)+3) + "\n")
	for i, c := range rows[0] {
		fmt.Fprintf(&b, "| `%s` |", c.who)
		for _, row := range rows {
			fmt.Fprintf(&b, " %s / %s |", short(over(row[i].runs, below(.9)).Mean), short(over(row[i].runs, below(.98)).Mean))
		}
		at := rows[min(1, len(rows)-1)][i]
		fmt.Fprintf(&b, " %.4f | %.3f | %.2f s |\n", over(at.runs, queries).Mean, over(at.runs, imbalance).Mean, over(at.runs, p95Page).Mean)
	}
	return b.String()
}

// aheadTable compares headroom with the best published policy and the ceiling.
func aheadTable(rows [][]*cell) string {
	var b strings.Builder
	b.WriteString("| P(<.98) | best published | `oracle` | `headroom` | ahead by | gap closed | `headroom:2` | ahead by | gap closed | target |\n|---|---|" + strings.Repeat("--:|", 8) + "\n")
	for _, row := range rows {
		best := bestPublished(row)
		fmt.Fprintf(&b, "| %s | `%s` %s | %s |", row[0].scenario.Name, best.who, short(over(best.runs, below(.98)).Mean), short(over(find(row, "oracle").runs, below(.98)).Mean))
		for _, who := range []string{"headroom", "headroom:2"} {
			c := find(row, who)
			a := ahead(c, best)
			fmt.Fprintf(&b, " %s | %+.3f ± %.3f | %.2f |", short(over(c.runs, below(.98)).Mean), a.Mean, a.Half, closure(c, best, find(row, "oracle")))
		}
		fmt.Fprintf(&b, " %s |\n", row[0].scenario.wanted())
	}
	return b.String()
}

// otherTable is a scenario a line.
func otherTable(rows [][]*cell) string {
	var b strings.Builder
	b.WriteString("| P(<.98) |")
	for _, c := range rows[0] {
		fmt.Fprintf(&b, " `%s` |", c.who)
	}
	b.WriteString(" target |\n|---|" + strings.Repeat("--:|", len(rows[0])+1) + "\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row[0].scenario.Name)
		for _, c := range row {
			fmt.Fprintf(&b, " %s |", short(over(c.runs, below(.98)).Mean))
		}
		fmt.Fprintf(&b, " %s |\n", row[0].scenario.wanted())
	}
	return b.String()
}

// wanted is the scenario's target, for one address and two.
func (s scenario) wanted() string {
	text := func(v float64) string {
		if v == 0 {
			return "–"
		}
		return short(v)
	}
	if s.Target[0] == s.Target[1] {
		return text(s.Target[0])
	}
	return text(s.Target[0]) + ", " + text(s.Target[1])
}

func short(v float64) string { return strings.TrimPrefix(fmt.Sprintf("%.3f", v), "0") }
