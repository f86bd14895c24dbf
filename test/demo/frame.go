package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Control sequences (ECMA-48).
const (
	home        = "\x1b[H"
	clearScreen = "\x1b[2J"
	clearBelow  = "\x1b[J"
	clearLine   = "\x1b[K"
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	resetStyle  = "\x1b[0m"
)

// The styles, as parameters of SGR.
const (
	normal = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// span is text in one style, line a line of them.
type (
	span struct{ style, text string }
	line []span
)

// text is the line for a terminal of that width: what is too long ends with an
// ellipsis.
func (l line) text(width int, colour bool) string {
	var b strings.Builder
	left := width
	for i, s := range l {
		n := utf8.RuneCountInString(s.text)
		if more := i+1 < len(l); n > left || n == left && more {
			s.text = string([]rune(s.text)[:max(0, left-1)]) + "…"
			n = left
		}
		if colour && s.style != normal {
			s.text = "\x1b[" + s.style + "m" + s.text + resetStyle
		}
		b.WriteString(s.text)
		if left -= n; left <= 0 {
			break
		}
	}
	return b.String()
}

func (l line) empty() bool {
	return !slices.ContainsFunc(l, func(s span) bool { return strings.TrimSpace(s.text) != "" })
}

var healthStyles = map[pool.Health]string{
	pool.Passing: green, pool.Warning: yellow, pool.Critical: red, pool.Drained: yellow,
}

// frame is the whole picture. What matters least comes last, since a small
// terminal cuts it off.
func frame(v view, last []event, h hints) []line {
	lines := []line{
		{{bold, "Ballast"}, {normal, "  " + h.name + " at " + h.dns + "  "}, {dim, clock(v.at)}},
		{},
		{{dim, fmt.Sprintf("%-5s %-16s %-9s %5s %7s %7s %6s", "", "address", "health", "load", "weight", "wanted", "given")}},
	}
	for _, r := range v.rows {
		lines = append(lines, r.line())
		// The line below is always there, so that the picture does not jump.
		lines = append(lines, line{{dim, "      " + r.note()}})
	}
	lines = append(lines,
		line{},
		line{{bold, v.ttl()}},
		line{{normal, "last answer: " + v.lastAnswer()}},
		line{{normal, "source: " + v.source()}},
		line{{red, v.trouble}})
	for i := range remembered {
		text := ""
		if i < len(last) {
			text = clock(last[i].at) + "  " + last[i].text
		}
		lines = append(lines, line{{yellow, text}})
	}
	return append(lines, h.lines(v.answers)...)
}

// line is a server.
func (r row) line() line {
	numbers := fmt.Sprintf(" %5s %7.2f %7s %6s  ", r.loadText(), r.weight, percent(r.wanted), r.givenText())
	return line{
		{bold, fmt.Sprintf("%-5s ", r.name)},
		{normal, fmt.Sprintf("%-16s ", r.address)},
		{healthStyles[r.health], fmt.Sprintf("%-9s", r.health)},
		{normal, numbers},
		{cyan, bar(r.given, r.wanted)},
	}
}

// barCells is how long a share of 1 is.
const barCells = 20

// bar shows what is given as its length, and what is wanted as a mark on it.
func bar(given, wanted float64) string {
	cells := []rune(strings.Repeat("·", barCells))
	for i := range int(given*barCells + 0.5) {
		cells[i] = '█'
	}
	if mark := int(wanted*barCells + 0.5); mark > 0 {
		cells[mark-1] = '│'
	}
	return string(cells)
}

// lines are the hints.
func (h hints) lines(answers int) []line {
	lines := []line{
		{{dim, fmt.Sprintf("wanted │: weight / all weights; given █: first in how many of the last %d answers", answers)}},
		{},
	}
	if h.keys != "" {
		lines = append(lines, line{{bold, "keys  "}, {normal, h.keys + "   x end"}})
	}
	for i, t := range h.try {
		head := "      "
		if i == 0 {
			head = "try   "
		}
		lines = append(lines, line{{bold, head}, {normal, fmt.Sprintf("%-*s  ", h.width(), t[0])}, {dim, t[1]}})
	}
	return append(lines, line{{bold, "log   "}, {normal, h.log}})
}
