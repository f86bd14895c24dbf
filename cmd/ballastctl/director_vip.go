package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

// showVIP is a VIP's heading, its servers, and what there is to say of them.
func (a *app) showVIP(v control.VIPStatus, l look) string {
	var b strings.Builder
	b.WriteString(vipHeading(v))
	note(&b, "  ! ", v.Error)
	if l.reasons && len(v.Reasons) > 0 {
		note(&b, "  ", "packets: "+reasonList(v.Reasons))
	}
	if len(v.Servers) == 0 {
		return b.String() + "  no servers\n"
	}
	b.WriteString(a.realsTable(v, l))
	for _, r := range v.Servers {
		if why := a.realNote(r); why != "" {
			note(&b, "  ", r.ID+": "+why)
		}
	}
	return b.String()
}

// vipHeading is what the VIP is and how it is served.
func vipHeading(v control.VIPStatus) string {
	words := []string{v.Scheduler, v.Mode}
	if p := v.Persistence; p != nil {
		words = append(words, fmt.Sprintf("persistence %s by /%d", shortAge(p.Timeout.Duration()), p.Prefix))
	}
	words = append(words, v.OnFailure)
	alive := fmt.Sprintf("%d of %d alive", v.Quorum.Alive, regular(v))
	if !v.Quorum.Met {
		alive += fmt.Sprintf(", quorum %d is not met", v.Quorum.Needed)
	}
	if v.Fallback {
		alive += ", fallback serves"
	}
	var b strings.Builder
	note(&b, "", fmt.Sprintf("%s %s %s %s; %s; %s", v.Name, v.Protocol, v.Address, portList(v.Ports), strings.Join(words, ", "), alive))
	return b.String()
}

// regular is how many servers there are without the fallback servers.
func regular(v control.VIPStatus) (n int) {
	for _, r := range v.Servers {
		if !r.Fallback {
			n++
		}
	}
	return n
}

// portList is the first few ports.
func portList(ports []uint16) string {
	const most = 8
	var words []string
	for _, p := range ports[:min(len(ports), most)] {
		words = append(words, strconv.Itoa(int(p)))
	}
	text := strings.Join(words, ",")
	if more := len(ports) - most; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

// column is a number of a server, or of all servers of a VIP.
type column struct {
	header string
	cell   func(control.RealStatus) string
}

func counter(header string, value func(control.RealStatus) uint64) column {
	return column{header, func(r control.RealStatus) string { return tally(value(r)) }}
}

func rate(header string, value func(control.RealStatus) float64) column {
	return column{header, func(r control.RealStatus) string { return short(value(r)) }}
}

func plainColumns() []column {
	return []column{
		{"WEIGHT", func(r control.RealStatus) string { return number(r.Weight) }},
		{"LOAD", func(r control.RealStatus) string {
			if r.Load == nil {
				return "-"
			}
			return fmt.Sprintf("%.2f", *r.Load)
		}},
		counter("ACTIVE", func(r control.RealStatus) uint64 { return r.Active }),
		counter("INACT", func(r control.RealStatus) uint64 { return r.Inactive }),
		rate("CONN/S", func(r control.RealStatus) float64 { return r.Rates.Conns }),
		rate("IN/S", func(r control.RealStatus) float64 { return r.Rates.InBytes }),
		rate("OUT/S", func(r control.RealStatus) float64 { return r.Rates.OutBytes }),
		counter("FAIL", control.RealStatus.Failures),
	}
}

func statsColumns() []column {
	return []column{
		counter("CONNS", func(r control.RealStatus) uint64 { return r.Totals.Conns }),
		counter("IN PKTS", func(r control.RealStatus) uint64 { return r.Totals.InPackets }),
		counter("OUT PKTS", func(r control.RealStatus) uint64 { return r.Totals.OutPackets }),
		counter("IN BYTES", func(r control.RealStatus) uint64 { return r.Totals.InBytes }),
		counter("OUT BYTES", func(r control.RealStatus) uint64 { return r.Totals.OutBytes }),
		counter("SILENT", func(r control.RealStatus) uint64 { return r.Misses }),
		counter("RESET", func(r control.RealStatus) uint64 { return r.Resets }),
		counter("UNREACH", func(r control.RealStatus) uint64 { return r.Unreachable }),
	}
}

func rateColumns() []column {
	return []column{
		rate("CONN/S", func(r control.RealStatus) float64 { return r.Rates.Conns }),
		rate("IN PKTS/S", func(r control.RealStatus) float64 { return r.Rates.InPackets }),
		rate("OUT PKTS/S", func(r control.RealStatus) float64 { return r.Rates.OutPackets }),
		rate("IN BYTES/S", func(r control.RealStatus) float64 { return r.Rates.InBytes }),
		rate("OUT BYTES/S", func(r control.RealStatus) float64 { return r.Rates.OutBytes }),
	}
}

// realsTable is the servers of a VIP, and their sum.
func (a *app) realsTable(v control.VIPStatus, l look) string {
	columns, addresses := plainColumns(), roomForAddresses(v.Servers)
	switch {
	case l.stats:
		columns, addresses = statsColumns(), false
	case l.rate:
		columns, addresses = rateColumns(), false
	}
	cells := func(id, address, state string, of func(column) string) []string {
		row := []string{id}
		if addresses {
			row = append(row, address)
		}
		row = append(row, state)
		for _, c := range columns {
			row = append(row, of(c))
		}
		return row
	}
	t := newTable("  ", cells("SERVER", "ADDRESS", a.realStateHeader(), func(c column) string { return c.header })...)
	for _, r := range v.Servers {
		t.row(cells(cut(r.ID), realAddress(r.Address), a.realState(r.State), func(c column) string { return c.cell(r) })...)
	}
	if len(v.Servers) > 1 {
		sum := sumOf(v)
		t.row(cells("all", "", a.paint(39, ""), func(c column) string { return c.cell(sum) })...)
	}
	return t.String()
}

// sumOf is all servers of a VIP as if they were one. Volumes are the VIP's:
// they hold those of servers that have gone, too.
func sumOf(v control.VIPStatus) control.RealStatus {
	sum := control.RealStatus{Totals: v.Totals, Rates: v.Rates}
	for _, r := range v.Servers {
		sum.Weight += r.Weight
		sum.Active += r.Active
		sum.Inactive += r.Inactive
		sum.Misses += r.Misses
		sum.Resets += r.Resets
		sum.Unreachable += r.Unreachable
	}
	return sum
}

// idWidth is how much of an ID fits in a table, and nameWidth of an ID with an
// address.
const (
	idWidth   = 32
	nameWidth = 34
)

// roomForAddresses tells whether a column of addresses fits and says more than
// that of IDs does.
func roomForAddresses(servers []control.RealStatus) bool {
	id, address, differ := 0, 0, false
	for _, r := range servers {
		id, address = max(id, len(r.ID)), max(address, len(realAddress(r.Address)))
		differ = differ || r.ID != realAddress(r.Address)
	}
	return differ && id+address <= nameWidth
}

// cut shortens an ID to its end, which tells servers apart.
func cut(id string) string {
	if runes := []rune(id); len(runes) > idWidth {
		return "…" + string(runes[len(runes)-idWidth+1:])
	}
	return id
}

// realNote says what is special about a server, if anything is.
func (a *app) realNote(r control.RealStatus) string {
	var words []string
	if r.State != control.RealUp {
		text := string(r.State)
		if !r.Since.IsZero() {
			text += " for " + shortAge(a.now().Sub(r.Since))
		}
		words = append(words, text+prefixed(": ", r.Reason))
	} else if r.Reason != "" {
		words = append(words, r.Reason)
	}
	if r.State == control.RealDraining {
		words = append(words, a.leftover(r))
	}
	if r.State == control.RealUp && r.Ramp < 1 {
		words = append(words, "slow start, "+percent(r.Ramp)+" of its weight")
	}
	if r.Fallback {
		words = append(words, "fallback")
	}
	return strings.Join(words, "; ")
}

// leftover is what a drain still waits for.
func (a *app) leftover(r control.RealStatus) string {
	text := count(int(r.Active), "connection left", "connections left")
	if !r.DrainDeadline.IsZero() {
		text += ", reset in " + shortAge(r.DrainDeadline.Sub(a.now()).Round(time.Second))
	}
	return text
}

// tally is a count, exact while it is short.
func tally(n uint64) string {
	if n < 100_000 {
		return strconv.FormatUint(n, 10)
	}
	return short(float64(n))
}

// short writes three significant digits and a decimal prefix.
func short(v float64) string {
	const prefixes = "kMGTPE"
	text := number(v)
	for i := 0; v >= 999.5 && i < len(prefixes); i++ {
		v /= 1000
		text = number(v) + prefixes[i:i+1]
	}
	return text
}
