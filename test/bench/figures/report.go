// Package figures holds what benchmarks measured, and writes it as a table:
// figures of one run on one machine, each beside what it is to be compared with.
package figures

import (
	"encoding/json"
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

// AtLeast is the goal that a figure reaches a limit.
func AtLeast(what string, value, limit float64, unit string) *Goal {
	return &Goal{
		Text: strings.TrimSpace(fmt.Sprintf("%s %s of at least %s %s", what, Figure(value), Figure(limit), unit)),
		Met:  value >= limit,
	}
}

// AtMost is the goal that a figure does not exceed a limit.
func AtMost(what string, value, limit float64, unit string) *Goal {
	return &Goal{
		Text: strings.TrimSpace(fmt.Sprintf("%s %s of at most %s %s", what, Figure(value), Figure(limit), unit)),
		Met:  value <= limit,
	}
}

// formats write a report.
var formats = map[string]func(io.Writer, *Report) error{"markdown": writeMarkdown, "json": writeJSON}

// Format finds what writes a report in the format of that name.
func Format(name string) (func(io.Writer, *Report) error, error) {
	if write := formats[name]; write != nil {
		return write, nil
	}
	return nil, fmt.Errorf("%s: known are markdown and json", name)
}

func writeJSON(w io.Writer, r *Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func writeMarkdown(w io.Writer, r *Report) error {
	var b strings.Builder
	b.WriteString("| measure | subject | median | min to max | compared with | ratio | goal | note |\n")
	b.WriteString("|---|---|--:|--:|---|--:|---|---|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row.cells(), " | "))
	}
	fmt.Fprintf(&b, "\nMeasured on %s.\n", r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (row Row) cells() []string {
	ratio := ""
	if row.Ratio != nil {
		ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", row.Ratio.Median, row.Ratio.Min, row.Ratio.Max)
	}
	return []string{
		row.Measure, row.Subject, strings.TrimSpace(Figure(row.Value.Median) + " " + row.Unit),
		Figure(row.Value.Min) + " to " + Figure(row.Value.Max),
		row.Against, ratio, row.Goal.String(), row.Note,
	}
}

// Figure writes a number with three significant digits, or all of a larger
// one's before the point.
func Figure(v float64) string {
	if v >= 100 || v <= -100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
