//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestRatesRows(t *testing.T) {
	all := rates{plain: {10e9, 20e9}, ballast: {9e9, 18e9}, nftables: {8e9, 16e9}}
	rows := all.rows("bulk", "Gbit/s", 1e-9, 0.95, 1)
	if len(rows) != 3 {
		t.Fatalf("%d rows, want 3: nothing of HAProxy, which was not there", len(rows))
	}
	for i, want := range []struct {
		subject, against, goal string
		ratio                  float64
	}{
		{ballast, "plain routing: 15 Gbit/s", "ratio 0.9 of at least 0.95: **missed**", 0.9},
		{ballast, "nftables: 12 Gbit/s", "ratio 1.12 of at least 1: met", 1.125},
		{nftables, "plain routing: 15 Gbit/s", "", 0.8},
	} {
		row := rows[i]
		if row.Subject != want.subject || row.Against != want.against || row.Goal.String() != want.goal || row.Ratio.Median != want.ratio {
			t.Errorf("row %d: %s, %s, %q, ratio %v; want %+v", i, row.Subject, row.Against, row.Goal, row.Ratio.Median, want)
		}
	}
	if rows[0].Value.Median != 13.5 {
		t.Errorf("value %v, want 13.5", rows[0].Value.Median)
	}
}

func TestReadIperf3(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      transfer
		err       string
	}{
		{"a report", `{"end": {"sum_sent": {"bits_per_second": 9e9}, "sum_received": {"bits_per_second": 8e9},
			"cpu_utilization_percent": {"host_total": 50, "host_user": 9, "remote_total": 30}}}`, transfer{8e9, 800}, ""},
		{"a report without a rate", `{"error": "unable to connect"}`, transfer{}, "unable to connect"},
		{"no report", `iperf3: error`, transfer{}, "iperf3's report"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readIperf3([]byte(c.out))
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, error %v; want %v, %q", got, err, c.want, c.err)
			}
		})
	}
}

func TestConnectsAreNamed(t *testing.T) {
	var names []string
	for _, c := range connects() {
		names = append(names, c.String())
	}
	const want = "connect and RST, 1 thread; connect and RST, 8 threads; connect and FIN, 1 thread; connect and FIN, 8 threads"
	if got := strings.Join(names, "; "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSaidKeepsTheEnd(t *testing.T) {
	var s said
	for range 1000 {
		_, _ = s.Write([]byte("some words\n"))
	}
	_, _ = s.Write([]byte("and the last\n"))
	if got := s.String(); len(got) > saidLimit || !strings.HasSuffix(got, "some words\nand the last") {
		t.Errorf("%d bytes, at the end %q", len(got), got[max(0, len(got)-30):])
	}
}
