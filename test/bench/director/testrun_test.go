//go:build linux

package main

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/schedule"
)

func TestRunRows(t *testing.T) {
	rows := runRows([]*runCase{
		{subject: "empty", durations: []float64{90, 100, 110}, medians: []float64{100, 100}},
		{subject: "established", limit: 300, durations: []float64{200, 290, 400}, medians: []float64{280, 320}},
		{subject: "new", limit: 800, durations: []float64{801, 801}, medians: []float64{801}},
	})
	for i, want := range []struct{ goal, against, note string }{
		{"", "", "mean 100 ns"},
		{"median 290 of at most 300 ns: met", "empty program: 100 ns", "mean 297 ns; net of the empty program 190 ns"},
		{"median 801 of at most 800 ns: **missed**", "empty program: 100 ns", "mean 801 ns; net of the empty program 701 ns"},
	} {
		row := rows[i]
		if row.Goal.String() != want.goal || row.Against != want.against || row.Note != want.note {
			t.Errorf("%s: %q, %q, %q; want %+v", row.Subject, row.Goal, row.Against, row.Note, want)
		}
	}
	if v := rows[1].Value; v.Min != 280 || v.Max != 320 {
		t.Errorf("range %v to %v, want that of the batches' medians", v.Min, v.Max)
	}
}

// TestClientsDiffer: a client that came twice would be no new connection.
func TestClientsDiffer(t *testing.T) {
	for _, f := range families {
		p := pool{family: f, scheduler: schedule.KindWLC, servers: 3, port: 80}
		seen := map[netip.AddrPort]bool{}
		for i := range 300_000 {
			c := p.client(i)
			if seen[c] {
				t.Fatalf("%s: client %d is %v, as one before", f.name, i, c)
			}
			if c.Addr().Is4() != p.vip().Addr().Is4() || c.Port() < 1024 {
				t.Fatalf("%s: client %d is %v, the VIP %v", f.name, i, c, p.vip())
			}
			seen[c] = true
		}
	}
}
