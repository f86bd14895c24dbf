// Command difftest asks Ballast, NSD and Knot the same questions about the
// same zones, and tells where Ballast's answers differ from what both others
// say, or from each of them where they disagree. Zones and questions come from
// seeds. What the RFCs leave open is allowed, by name.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"
)

// settings are what a run asks, and of whom.
type settings struct {
	bin    string // directory of coredns
	cache  string // directory of the other servers
	format string
	save   string // directory for differences; empty for none

	seed      uint64
	zones     int
	roots     int
	questions int // about each zone
	batch     int // zones of one start of the servers
	shrink    int // kinds of differences that are made small
}

func defaults() settings {
	return settings{
		bin: "bin", cache: ".cache/bin", format: "text",
		seed: 1, zones: 600, roots: 10, questions: 100, batch: 300, shrink: 20,
	}
}

func (s *settings) flags(f *flag.FlagSet) {
	f.StringVar(&s.bin, "bin", s.bin, "`directory` of coredns")
	f.StringVar(&s.cache, "cache", s.cache, "`directory` of nsd and knotd")
	f.StringVar(&s.format, "o", s.format, "output: text or json")
	f.StringVar(&s.save, "save", s.save, "write each difference into this `directory`, as in testdata")
	f.Uint64Var(&s.seed, "seed0", s.seed, "seed of the first zone")
	f.IntVar(&s.zones, "zones", s.zones, "how many zones")
	f.IntVar(&s.roots, "roots", s.roots, "how many zones that are the root, which take a start of the servers each")
	f.IntVar(&s.questions, "questions", s.questions, "about each zone")
	f.IntVar(&s.batch, "batch", s.batch, "zones for each start of the servers")
	f.IntVar(&s.shrink, "shrink", s.shrink, "how many kinds of differences to show with as few records as possible")
}

// errDifferent tells that there are differences, which have been shown.
var errDifferent = errors.New("there are differences")

func main() {
	s := defaults()
	s.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "difftest:", err)
		os.Exit(1)
	}
}

// run asks everything, and writes the report to out and what it is doing to
// progress, if that is a terminal.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	write := formats[s.format]
	if write == nil {
		return fmt.Errorf("-o %s: known are text and json", s.format)
	}
	t, err := newTester(s, progress)
	if err != nil {
		return err
	}
	r, err := t.run(ctx)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if err := write(out, r); err != nil {
		return err
	}
	if s.save != "" {
		if err := saveAll(s.save, r.Differences); err != nil {
			return err
		}
	}
	if r.Different > 0 {
		return errDifferent
	}
	return nil
}

// newTester finds the programs.
func newTester(s settings, progress io.Writer) (*tester, error) {
	bin, err := filepath.Abs(s.bin)
	if err != nil {
		return nil, err
	}
	cache, err := filepath.Abs(s.cache)
	if err != nil {
		return nil, err
	}
	t := &tester{settings: s, kinds: append([]*kind{ballast(bin)}, others(cache)...), progress: io.Discard}
	for i, k := range t.kinds {
		if _, err := os.Stat(k.program); err != nil {
			return nil, fmt.Errorf("%w: run make %s", err, []string{"build", "packages"}[min(i, 1)])
		}
	}
	if _, err := exec.LookPath(signProgram); err != nil {
		return nil, fmt.Errorf("%w: run make packages", err)
	}
	if f, ok := progress.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.progress = progress
	}
	return t, nil
}
