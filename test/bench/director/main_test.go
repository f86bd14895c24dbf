//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/test/bench/figures"
	"github.com/ballast-lb/ballast/test/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRunQuick measures with tiny counts what takes no network: that it works,
// not what it measures.
func TestRunQuick(t *testing.T) {
	lab.Require(t)
	s := defaults().quick()
	s.parts, s.format, s.largest = "packets,memory", "json", 1<<16
	var out, progress bytes.Buffer
	if err := run(t.Context(), s, &out, &progress); err != nil {
		t.Fatalf("%v\nprogress:\n%s", err, &progress)
	}
	var r figures.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	for _, row := range r.Rows {
		counted[row.Measure]++
		if row.Value.Median <= 0 {
			t.Errorf("%s, %s: no value", row.Measure, row.Subject)
		}
	}
	for measure, want := range map[string]int{
		"packet in the datapath": 1 + 2*(5+4), "memory for each connection": 2, "program": 1,
	} {
		if counted[measure] != want {
			t.Errorf("%d rows of %q, want %d", counted[measure], measure, want)
		}
	}
	if !strings.Contains(progress.String(), "batch 1 of") {
		t.Errorf("no progress was told: %q", &progress)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		s    settings
		want string
	}{
		{"a format that it does not know", settings{format: "xml"}, "known are markdown and json"},
		{"a part that it does not know", settings{format: "json", parts: "packets,lunch"}, "known are packets, through, losses, memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), c.s, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
