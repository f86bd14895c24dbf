//go:build linux

// Command balance measures how evenly policies load unequal servers through
// real caching resolvers: closed-loop clients, Unbound, the name server, Consul
// and agents, in namespaces of this machine. README.md says what is measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

func main() {
	serveIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "balance:", err)
		os.Exit(1)
	}
}

// run is the whole program but its signals.
func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args, out)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("namespaces and CPU quotas take root: run it as root, or with sudo")
	}
	free, err := claim(labPrefix)
	if err != nil {
		return err
	}
	defer free()
	if err := hurry(); err != nil {
		return err
	}
	options := lab.Options{Prefix: labPrefix, Servers: len(s.relative), NoIPv6: true}
	if err := lab.Remove(options); err != nil { // of a run that was killed
		return err
	}
	l, err := lab.New(options)
	if err != nil {
		return err
	}
	return errors.Join(experiment(ctx, s, l, out), l.Close())
}

// experiment measures all policies in a lab and writes what came out.
func experiment(ctx context.Context, s settings, l *lab.Lab, out io.Writer) (err error) {
	st, err := setUp(ctx, s, l, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	report := newReport(s, st.hit)
	fmt.Fprint(out, report.preface())
	for _, policy := range s.policies {
		outcome, err := st.measure(policy)
		if err != nil {
			return fmt.Errorf("policy %s: %w", policy, err)
		}
		report.Outcomes = append(report.Outcomes, outcome)
	}
	if err := report.write(s.out); err != nil {
		return err
	}
	fmt.Fprint(out, report.summary())
	return nil
}

// parse reads the flags.
func parse(args []string, out io.Writer) (settings, error) {
	s := defaults()
	relative, policies := "", ""
	flags := flag.NewFlagSet("balance", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&s.bin, "bin", "bin", "`folder` of coredns and ballast-agent")
	flags.StringVar(&s.consul, "consul", ".cache/bin/consul", "the Consul `program`")
	flags.StringVar(&s.unbound, "unbound", ".cache/bin/unbound", "the Unbound `program`")
	flags.StringVar(&s.out, "out", ".cache/balance", "`folder` for results, plots and logs")
	flags.StringVar(&policies, "policies", strings.Join(s.policies, ","), "`names` of the policies to measure, in this order")
	flags.DurationVar(&s.duration, "duration", s.duration, "`time` to measure each policy for")
	flags.DurationVar(&s.warm, "warm", s.warm, "`time` of load before that")
	flags.Float64Var(&s.factor, "factor", s.factor, "`number` by which all times of the papers are divided")
	flags.IntVar(&s.clients, "clients", s.clients, "`number` of clients")
	flags.IntVar(&s.resolvers, "resolvers", s.resolvers, "`number` of resolvers")
	flags.IntVar(&s.answers, "answers", s.answers, "`number` of addresses in an answer")
	flags.StringVar(&relative, "relative", list(s.relative), "`capacities` of the servers, relative to one another")
	flags.Float64Var(&s.cores, "cores", s.cores, "`number` of cores that all servers have together")
	flags.Float64Var(&s.utilisation, "utilisation", s.utilisation, "`share` of that which the load is to use")
	flags.IntVar(&s.span, "span", s.span, "`number` of samples in the windows of max/avg")
	flags.Uint64Var(&s.seed, "seed", s.seed, "`number` that the load is drawn by")
	flags.DurationVar(&s.every, "progress", 10*time.Second, "`time` between lines of progress")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.policies = strings.Split(policies, ",")
	if err := s.setRelative(relative); err != nil {
		return s, err
	}
	return s, s.complete()
}
