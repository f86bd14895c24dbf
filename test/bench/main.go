// Command bench measures what Ballast's answers cost: ServeDNS alone beside
// the same reply put together by hand, the whole coredns process beside the
// same binary with other plugins and beside NSD, Knot and gdnsd, a policy's
// draw, the time from a change in Consul to the changed answer, and a catalogue
// of 10,000 services. All figures that matter are ratios of one run on one
// machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/test/bench/figures"
)

// settings are what a run measures, and how long it takes.
type settings struct {
	bin     string // directory of coredns
	format  string // markdown or json
	profile string // file for a CPU profile of coredns with ballast; empty for none
	builtin bool   // use the built-in load generator even if dnsperf is there

	runs      int    // of the Go benchmarks
	benchtime string // of each Go benchmark in each run
	rounds    int    // of the whole processes
	queries   int    // to each process in each round
	changes   int    // in Consul
	pause     time.Duration

	services int           // of the catalogue
	rest     time.Duration // how long it is left alone
}

func defaults() settings {
	return settings{
		bin: "bin", format: "markdown",
		runs: 5, benchtime: "150ms", rounds: 7, queries: 100_000,
		// A watch asks Consul at most 20 times a second: changes faster than
		// that would measure its limit.
		changes: 200, pause: 120 * time.Millisecond,
		services: 10_000, rest: 5 * time.Second,
	}
}

// quick only shows that everything works: its figures mean nothing.
func (s settings) quick() settings {
	s.runs, s.benchtime, s.rounds, s.queries = 1, "20x", 2, 1000
	s.changes, s.pause = 4, 20*time.Millisecond
	s.services, s.rest = 100, 50*time.Millisecond
	return s
}

func main() {
	s := defaults()
	quick := flag.Bool("quick", false, "a few seconds, only to see that it works")
	flag.StringVar(&s.bin, "bin", s.bin, "directory of coredns")
	flag.StringVar(&s.format, "o", s.format, "output: markdown or json")
	flag.StringVar(&s.profile, "profile", "", "write a CPU profile of coredns with ballast under load to this file")
	flag.BoolVar(&s.builtin, "builtin", false, "use the built-in load generator even if dnsperf is installed")
	flag.Parse()
	if *quick {
		s = s.quick()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything and writes the report to out, and what it is doing
// to progress.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	write, err := figures.Format(s.format)
	if err != nil {
		return fmt.Errorf("-o %w", err)
	}
	binary, err := filepath.Abs(filepath.Join(s.bin, "coredns"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: run make build, or name its directory with -bin", err)
	}
	dir, err := os.MkdirTemp("", "ballast-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{settings: s, binary: binary, dir: dir, progress: progress}
	report := &figures.Report{Machine: figures.Machine()}
	for _, part := range []func(context.Context, *figures.Report) error{b.alone, b.whole, b.latency, b.catalogue} {
		if err := part(ctx, report); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
	return write(out, report)
}

// bench is one run.
type bench struct {
	settings
	binary   string // coredns
	dir      string // for everything that is written
	progress io.Writer
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}
