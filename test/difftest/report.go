package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// formats write a report.
var formats = map[string]func(io.Writer, *report) error{"text": writeText, "json": writeJSON}

func writeJSON(w io.Writer, r *report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func writeText(w io.Writer, r *report) error {
	fmt.Fprintf(w, "%d pairs of zone and question in %.1f s, %d differences\n\n", r.Pairs, r.Seconds, r.Different)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "pairs\tothers differ\tours differs\t \tkind of answer")
	for _, row := range r.Kinds {
		fmt.Fprintf(t, "%d\t%d\t%d\t \t%s\n", row.Pairs, row.Split, row.Different, row.Kind)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	writeCounts(w, "Allowed", r.Allowed)
	writeCounts(w, "The others differ from each other", r.Splits)
	for _, d := range r.Differences {
		fmt.Fprintf(w, "\nDifference in %d pairs: %s\n", d.Pairs, d.Signature)
		if d.Zone != "" {
			fmt.Fprintf(w, "seed %d, zone %s\n%s%s%s", d.Seed, d.Origin, indent("  ", d.Zone), indent("expected: ", d.Expected), indent("ours:     ", d.Ours))
		}
	}
	return nil
}

func writeCounts(w io.Writer, title string, counts []count) {
	if len(counts) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	for _, c := range counts {
		fmt.Fprintf(w, "%9d  %s\n", c.Pairs, c.Name)
	}
}

func indent(prefix, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + line)
	}
	return b.String()
}
