package main

import (
	"fmt"
	"strings"
)

// preface explains the blocks that follow.
func preface(h hints) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
Ballast answers for %s at %s.

Each block shows the servers, the share of the clients that each should have
(wanted), and how often it was the first address in the last %d answers (given).
A block follows when something changed, and every %.0f s. Things to try:

`, h.name, h.dns, window, heartbeat.Seconds())
	for _, t := range h.try {
		fmt.Fprintf(&b, "  %-*s  # %s\n", h.width(), t[0], t[1])
	}
	fmt.Fprintf(&b, "\ncoredns' log is %s. Ctrl-C ends everything.\n", h.log)
	return b.String()
}

// block is a view in some lines.
func block(v view) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s  %s\n", clock(v.at), v.ttl())
	if v.trouble != "" {
		b.WriteString("  ! " + v.trouble + "\n")
	}
	for _, r := range v.rows {
		fmt.Fprintf(&b, "  %s\n", strings.TrimRight(strings.Join(r.cells(), "  "), " "))
		if note := r.note(); note != "" {
			b.WriteString("        " + note + "\n")
		}
	}
	b.WriteString("  source: " + v.source() + "\n")
	return b.String()
}

// cells are a server's numbers, as wide as headings.
func (r row) cells() []string {
	return []string{
		fmt.Sprintf("%-4s", r.name),
		fmt.Sprintf("%-15s", r.address),
		fmt.Sprintf("%-8s", r.health),
		fmt.Sprintf("load %4s", r.loadText()),
		fmt.Sprintf("weight %5.2f", r.weight),
		fmt.Sprintf("wanted %4s", percent(r.wanted)),
		fmt.Sprintf("given %4s", r.givenText()),
	}
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }
