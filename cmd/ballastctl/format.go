package main

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
)

// table lays out rows in columns, two spaces apart.
type table struct {
	text   strings.Builder
	indent string
	writer *tabwriter.Writer
}

func newTable(indent string, header ...string) *table {
	t := &table{indent: indent}
	t.writer = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	t.row(header...)
	return t
}

func (t *table) row(cells ...string) {
	fmt.Fprintln(t.writer, t.indent+strings.Join(cells, "\t"))
}

// String is the table, without spaces at line ends.
func (t *table) String() string {
	t.writer.Flush()
	var b strings.Builder
	for line := range strings.Lines(t.text.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// shortAge is how old something is, in one unit.
func shortAge(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 100*time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func (a *app) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return shortAge(a.now().Sub(t)) + " ago"
}

// remaining is the time until t, or "until cleared".
func (a *app) remaining(t time.Time) string {
	if t.IsZero() {
		return "until cleared"
	}
	return "for " + shortAge(t.Sub(a.now()))
}

// seconds writes a TTL as DNS does, in seconds, cut as TTLs are; a short one
// with a decimal.
func seconds(s control.Seconds) string {
	unit := time.Second
	if s.Duration() < 10*time.Second {
		unit /= 10
	}
	return strconv.FormatFloat(s.Duration().Truncate(unit).Seconds(), 'f', -1, 64) + "s"
}

func percent(share float64) string {
	if p := share * 100; p > 0 && p < 10 && p != math.Trunc(p) {
		return fmt.Sprintf("%.1f%%", p)
	}
	return fmt.Sprintf("%.0f%%", share*100)
}

// number writes three significant digits.
func number(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	digits := 3 - int(math.Ceil(math.Log10(math.Abs(v))))
	scale := math.Pow10(max(0, digits))
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64)
}

func address(m control.MemberStatus) string {
	if len(m.Addrs) == 0 {
		return "-"
	}
	text := netip.AddrPortFrom(m.Addrs[0], m.Port).String()
	if more := len(m.Addrs) - 1; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

func load(m control.MemberStatus) string {
	if m.Load == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f (%s)", *m.Load, shortAge(m.LoadAge.Duration()))
}

// reasons are why a member is where it is; what its check says, if the policy
// says nothing.
func reasons(m control.MemberStatus) string {
	if len(m.Why) == 0 {
		return m.HealthWhy
	}
	return strings.Join(m.Why, "; ")
}

// lineWidth is where prose is wrapped.
const lineWidth = 100

// note writes text, wrapped, as an item of a list.
func note(b *strings.Builder, indent, text string) {
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			column, _ = fmt.Fprint(b, indent, word)
		case column+1+len(word) > lineWidth:
			b.WriteString("\n")
			column, _ = fmt.Fprint(b, indent, "  ", word)
		default:
			n, _ := fmt.Fprint(b, " ", word)
			column += n
		}
	}
	if column > 0 {
		b.WriteString("\n")
	}
}

// notes says of each member why it is where it is.
func notes(members []control.MemberStatus) string {
	var b strings.Builder
	for _, m := range members {
		if why := reasons(m); why != "" {
			note(&b, "  ", m.ID+": "+why)
		}
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// colours are ANSI's foreground colours (ECMA-48 SGR). All have two digits, so
// that every cell of a coloured column grows alike and columns stay aligned.
var colours = map[pool.Health]int{pool.Passing: 32, pool.Warning: 33, pool.Critical: 31, pool.Drained: 35}

// health is a cell of the health column; healthHeader its header.
func (a *app) health(h pool.Health) string {
	colour, ok := colours[h]
	if !ok {
		colour = 39
	}
	return a.paint(colour, h.String())
}

func (a *app) healthHeader() string { return a.paint(39, "HEALTH") }

func (a *app) paint(colour int, text string) string {
	if !a.colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, text)
}
