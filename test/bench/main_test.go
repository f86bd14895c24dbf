package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/test/bench/figures"
	"go.uber.org/goleak"
)

// bin is where TestMain builds coredns, which is measured; empty with -short.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(programs.Suite{M: m, Dir: &bin, Names: []string{"coredns"}, Skip: testing.Short()})
}

// TestRunQuick runs everything with tiny counts: that each part works, not
// what it measures.
func TestRunQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes for some seconds")
	}
	s := defaults().quick()
	s.bin, s.format, s.profile = bin, "json", ""
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
		// From the return of the API call on the answer may change at once.
		// A short look at a small catalogue may find nothing, too.
		if row.Value.Median <= 0 && row.Unit != "ms" && !strings.HasPrefix(row.Measure, "catalogue") {
			t.Errorf("%s, %s: no value", row.Measure, row.Subject)
		}
	}
	for measure, want := range map[string]int{
		"ServeDNS alone": len(answerKinds) + 2, "draw alone": len(drawKinds),
		"CPU of the whole process for each query": len(subjects) - 2, "catalogue of 100 services, 1000 servers": 4,
	} {
		if counted[measure] != want {
			t.Errorf("%d rows of %q, want %d", counted[measure], measure, want)
		}
	}
	delays, missing := counted["change in Consul to changed answer"], strings.Contains(strings.Join(r.Notes, " "), "no Consul binary")
	if delays != 2 && !missing {
		t.Errorf("%d rows of the delay from Consul, and no note says why", delays)
	}
	if !strings.Contains(progress.String(), "round 1 of") {
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
		{"a directory without coredns", settings{format: "json", bin: t.TempDir()}, "make build"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(context.Background(), c.s, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestServerThatCannotStart: the error shows what coredns said.
func TestServerThatCannotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("starts coredns")
	}
	b := &bench{binary: filepath.Join(bin, "coredns"), dir: t.TempDir()}
	_, err := b.startServer(t.Context(), "ballast no-such.zone")
	if err == nil || !strings.Contains(err.Error(), "no-such.zone") {
		t.Errorf("error %v, want one that names no-such.zone", err)
	}
}
