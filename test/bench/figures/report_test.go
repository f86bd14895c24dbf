package figures

import (
	"strings"
	"testing"
)

func TestFigure(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 1: "1", 0.8: "0.8", 0.876: "0.876", 19.84: "19.8", 99.96: "100", 418.3: "418", 54175.05: "54175", -120.2: "-120",
	} {
		if got := Figure(value); got != want {
			t.Errorf("Figure(%v) = %q, want %q", value, got, want)
		}
	}
}

func TestGoal(t *testing.T) {
	for _, c := range []struct {
		name string
		goal *Goal
		want string
	}{
		{"below the most", AtMost("ratio", 0.8, 1, ""), "ratio 0.8 of at most 1: met"},
		{"the most", AtMost("ratio", 1, 1, ""), "ratio 1 of at most 1: met"},
		{"above the most", AtMost("p99", 60, 50, "ms"), "p99 60 of at most 50 ms: **missed**"},
		{"below the least", AtLeast("ratio", 0.94, 0.95, ""), "ratio 0.94 of at least 0.95: **missed**"},
		{"the least", AtLeast("ratio", 0.95, 0.95, ""), "ratio 0.95 of at least 0.95: met"},
		{"none", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.goal.String(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestMarkdown(t *testing.T) {
	r := &Report{
		Machine: "a machine",
		Notes:   []string{"A note."},
		Rows: []Row{
			{Measure: "CPU", Subject: "ballast", Unit: "µs", Value: Spread{20.04, 18, 21}, Against: "file: 25 µs",
				Ratio: &Spread{0.8, 0.7, 0.9}, Goal: AtMost("ratio", 0.8, 1, ""), Note: "106 bytes"},
			{Measure: "draw", Subject: "hash", Unit: "ns", Value: Spread{137, 130, 150}},
		},
	}
	const want = `| measure | subject | median | min to max | compared with | ratio | goal | note |
|---|---|--:|--:|---|--:|---|---|
| CPU | ballast | 20 µs | 18 to 21 | file: 25 µs | 0.80 (0.70 to 0.90) | ratio 0.8 of at most 1: met | 106 bytes |
| draw | hash | 137 ns | 130 to 150 |  |  |  |  |

Measured on a machine.
A note.
`
	var b strings.Builder
	if err := writeMarkdown(&b, r); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
