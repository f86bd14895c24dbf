//go:build linux

// Command director measures the director's datapath: single packets in it,
// connections through it beside plain routing, nftables and HAProxy, losses
// while a server fails, and memory. All figures that matter are ratios of one
// run on one machine. It needs root, and works in network namespaces of its
// own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/test/bench/figures"
)

// settings are what a run measures, and how long it takes.
type settings struct {
	bin    string // directory of ballast-director
	format string // markdown or json
	parts  string // separated by commas

	flows   int // open connections of each family
	batches int // of packets of each kind
	batch   int // packets in one

	rounds        int // of bulk transfer by all ways
	bulkFor       time.Duration
	connectRounds int // of connections by all ways
	connectFor    time.Duration

	lossFor time.Duration
	settle  time.Duration // until all have noticed that a server is away
	largest int           // connections to weigh
}

func defaults() settings {
	return settings{
		bin: "bin", format: "markdown", parts: strings.Join(partNames(), ","),
		flows: 60_000, batches: 100, batch: 2000,
		rounds: 5, bulkFor: 4 * time.Second, connectRounds: 10, connectFor: 500 * time.Millisecond,
		lossFor: 6 * time.Second, settle: 5 * time.Second, largest: dataplane.MaxConnections,
	}
}

// quick only shows that everything works: its figures mean nothing.
func (s settings) quick() settings {
	s.flows, s.batches, s.batch = 1000, 2, 100
	s.rounds, s.bulkFor, s.connectRounds, s.connectFor = 1, time.Second, 2, 50*time.Millisecond
	s.lossFor, s.settle, s.largest = 600*time.Millisecond, 100*time.Millisecond, 1<<20
	return s
}

// part is one kind of measurement.
type part struct {
	name string
	run  func(*bench, context.Context, *figures.Report) error
}

var parts = []part{
	{"packets", (*bench).testRuns},
	{"through", (*bench).through},
	{"losses", (*bench).losses},
	{"memory", (*bench).memory},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func main() {
	if len(os.Args) > 1 && helpers[os.Args[1]] != nil {
		if err := helpers[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench-director:", err)
			os.Exit(1)
		}
		return
	}
	s := defaults()
	quick := flag.Bool("quick", false, "some seconds, only to see that it works")
	flag.StringVar(&s.bin, "bin", s.bin, "directory of ballast-director")
	flag.StringVar(&s.format, "o", s.format, "output: markdown or json")
	flag.StringVar(&s.parts, "parts", s.parts, "what to measure")
	flag.Parse()
	if *quick {
		s = s.quick()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-director:", err)
		os.Exit(1)
	}
}

// run measures and writes the report to out, and what it is doing to progress.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	write, err := figures.Format(s.format)
	if err != nil {
		return fmt.Errorf("-o %w", err)
	}
	chosen := strings.Split(s.parts, ",")
	for _, name := range chosen {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("-parts %s: known are %s", name, strings.Join(partNames(), ", "))
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("it makes network namespaces and loads programs into the kernel: run it as root")
	}
	b := &bench{settings: s, progress: progress}
	report := &figures.Report{Machine: figures.Machine()}
	started := time.Now()
	for _, p := range parts {
		if !slices.Contains(chosen, p.name) {
			continue
		}
		if err := p.run(b, ctx, report); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		runtime.GC()
	}
	b.say("done after %v", time.Since(started).Round(time.Second))
	return write(out, report)
}

// bench is one run.
type bench struct {
	settings
	progress io.Writer
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}
