package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// settings are what the command is told.
type settings struct {
	bin      string
	duration time.Duration
	seed     uint64
	qps      float64
	tcp      float64 // part of the questions over TCP
	reloads  int
	output   string
	keep     bool

	pace     float64 // of operations: below 1 they come faster
	slow     float64 // what the limits were stretched by
	limits   oracle.Limits
	recovery time.Duration // until the end of trouble with Consul is noticed
	resume   time.Duration // resumeLimit and keepLimit, on this machine
	keeping  time.Duration
	margin   time.Duration
	rest     time.Duration // before the first and after the last operation
}

func (s *settings) program(name string) string { return filepath.Join(s.bin, name) }

// usual is how long the name server may take here: a few times what it does on a
// machine of two cores that is busy with all of this.
var usual = oracle.Limits{
	Consul: 3 * time.Second, Probe: 6 * time.Second, Zone: 4 * time.Second,
	Operator: time.Second, Load: 12 * time.Second, Ages: 45 * time.Second, Answer: 2 * time.Second,
}

// How long it may take with its state: a start that finds it, until it answers
// (without it, it may wait for the Corefile's startup_timeout), and a change until
// it is on disk.
const (
	resumeLimit = 2 * time.Second
	keepLimit   = 15 * time.Second
)

const usage = `Usage: soak [flags]

Runs the name server as built, with Consul and probed servers, asks it thousands of
questions a second, does to all of them what happens to programs, and judges every
answer. It exits with 1 if anything was wrong.

`

func parse(args []string) (settings, error) {
	s := settings{
		limits: usual, recovery: 8 * time.Second, resume: resumeLimit, keeping: keepLimit,
		margin: 150 * time.Millisecond, rest: 10 * time.Second,
	}
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.Usage = func() { fmt.Fprint(f.Output(), usage); f.PrintDefaults() }
	f.Float64Var(&s.slow, "slow", 1, "how much slower than usual the machine may be: stretches what the name server may take")
	f.StringVar(&s.bin, "bin", "bin", "folder of the programs")
	f.DurationVar(&s.duration, "for", time.Hour, "how long")
	f.Uint64Var(&s.seed, "seed", uint64(time.Now().Unix()), "of all that is drawn")
	f.Float64Var(&s.qps, "qps", 4000, "questions a second")
	f.Float64Var(&s.tcp, "tcp", 0.05, "part of them over TCP")
	f.Float64Var(&s.pace, "pace", 1, "time between operations; 0.5 is twice as many")
	f.IntVar(&s.reloads, "reloads", 0, "instead of all that: load the Corefile so often, by SIGUSR1, under load")
	f.StringVar(&s.output, "o", "text", "form of the result: text or json")
	f.BoolVar(&s.keep, "keep", false, "keep the folder with zone, Corefile and log")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("%q is no flag; see -help", f.Arg(0))
	}
	var err error
	if s.bin, err = filepath.Abs(s.bin); err != nil { // programs run in a folder of their own
		return s, err
	}
	s.limits = usual.Scaled(s.slow)
	for _, d := range []*time.Duration{&s.recovery, &s.resume, &s.keeping, &s.margin} {
		*d = time.Duration(float64(*d) * s.slow)
	}
	return s, s.check()
}

func (s *settings) check() error {
	switch {
	case s.duration <= 0 || s.pace <= 0:
		return fmt.Errorf("-for %v and -pace %v must be above 0", s.duration, s.pace)
	case s.qps <= 0 || s.tcp < 0 || s.tcp > 1:
		return fmt.Errorf("-qps %v must be above 0, -tcp %v within 0 and 1", s.qps, s.tcp)
	case s.output != "text" && s.output != "json":
		return fmt.Errorf("-o %s is none of text and json", s.output)
	}
	return nil
}
