package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Report is the outcome of a run.
type Report struct {
	Machine string   `json:"machine"`
	Notes   []string `json:"notes"`
	Rows    []Row    `json:"rows"`
}

// Row is one figure and what it is to be compared with.
type Row struct {
	Measure string  `json:"measure"`
	Subject string  `json:"subject"`
	Unit    string  `json:"unit"`
	Value   Spread  `json:"value"`
	Against string  `json:"against,omitempty"`
	Ratio   *Spread `json:"ratio,omitempty"` // to Against, of the pairs of runs
	Goal    *Goal   `json:"goal,omitempty"`
	Note    string  `json:"note,omitempty"`
}

// Goal is what a figure should be.
type Goal struct {
	Text string `json:"text"`
	Met  bool   `json:"met"`
}

func (g *Goal) String() string {
	switch {
	case g == nil:
		return ""
	case g.Met:
		return g.Text + ": met"
	}
	return g.Text + ": **missed**"
}

// atMost is the goal that a figure does not exceed a limit.
func atMost(what string, value, limit float64, unit string) *Goal {
	return &Goal{
		Text: strings.TrimSpace(fmt.Sprintf("%s %s of at most %s %s", what, figure(value), figure(limit), unit)),
		Met:  value <= limit,
	}
}

func writeMarkdown(w io.Writer, r *Report) error {
	var b strings.Builder
	b.WriteString("| measure | subject | median | min to max | compared with | ratio | goal | note |\n")
	b.WriteString("|---|---|--:|--:|---|--:|---|---|\n")
	for _, row := range r.Rows {
		ratio := ""
		if row.Ratio != nil {
			ratio = fmt.Sprintf("%.2f", row.Ratio.Median)
		}
		cells := []string{
			row.Measure, row.Subject, figure(row.Value.Median) + " " + row.Unit,
			figure(row.Value.Min) + " to " + figure(row.Value.Max),
			row.Against, ratio, row.Goal.String(), row.Note,
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(&b, "\nMeasured on %s.\n", r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// figure writes a number with three significant digits, or all of a larger
// one's before the point.
func figure(v float64) string {
	if v >= 100 || v <= -100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
