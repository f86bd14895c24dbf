package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/test/bench/figures"
	"github.com/miekg/dns"
)

// contender is a subject that runs, with what it gave in each round.
type contender struct {
	subject
	*server
	bytes int // of its answer

	cpu []float64 // microseconds for each query
	qps []float64
}

// whole asks whole processes in turn for the same, and compares the time that
// they spent on processors.
func (b *bench) whole(ctx context.Context, r *figures.Report) error {
	l := newLoader(b.dir, b.builtin)
	var all []*contender
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for _, s := range subjects {
		c, err := b.enter(ctx, s)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	for round := range b.rounds + 1 {
		b.say("whole processes by %s: %s", l, roundName(round, b.rounds))
		for i := range all {
			// Each round begins with another one, so that none is always
			// behind the same.
			c := all[(i+round)%len(all)]
			if err := c.round(ctx, l, b.queries, round == 0); err != nil {
				return fmt.Errorf("coredns with %s: %w", c.name, err)
			}
		}
	}
	r.Rows = append(r.Rows, wholeRows(all)...)
	r.Notes = append(r.Notes, b.wholeNotes(l, all)...)
	return b.profileOf(ctx, l)
}

func roundName(round, rounds int) string {
	if round == 0 {
		return "warming up"
	}
	return fmt.Sprintf("round %d of %d", round, rounds)
}

// enter starts a subject and checks that its answer is as the others'.
func (b *bench) enter(ctx context.Context, s subject) (*contender, error) {
	srv, err := b.startServer(ctx, s.plugins)
	if err != nil {
		return nil, err
	}
	m, err := srv.ask(ctx, dns.TypeA)
	if err == nil && s.counted && (len(m.Answer) != 2 || m.Answer[0].Header().Ttl != 60) {
		err = fmt.Errorf("coredns with %s: want two records with a TTL of 60, got\n%s", s.name, m)
	}
	if err != nil {
		srv.stop()
		return nil, err
	}
	return &contender{subject: s, server: srv, bytes: m.Len()}, nil
}

// round asks one contender. The first round is not counted: caches are cold.
func (c *contender) round(ctx context.Context, l loader, queries int, warmUp bool) error {
	before, err := cpuTime(c.pid())
	if err != nil {
		return err
	}
	t, err := l.load(ctx, c.addr, queries)
	if err != nil {
		return err
	}
	after, err := cpuTime(c.pid())
	if err != nil || warmUp {
		return err
	}
	if err := t.check(queries); err != nil {
		return err
	}
	c.cpu = append(c.cpu, float64(after-before)/float64(time.Microsecond)/float64(t.answered))
	c.qps = append(c.qps, float64(t.answered)/t.elapsed.Seconds())
	return nil
}

// wholeRows compare all contenders with file, and ballast with the one that
// gives the same answer as well.
func wholeRows(all []*contender) []figures.Row {
	byName := map[string]*contender{}
	for _, c := range all {
		byName[c.name] = c
	}
	ballast, file, minimal := byName["ballast"], byName["file"], byName["file + minimal"]
	rows := []figures.Row{ballast.against(file, true), ballast.against(minimal, true), file.against(nil, false),
		minimal.against(file, false), byName["whoami"].against(file, false)}
	return rows
}

func (c *contender) against(other *contender, goal bool) figures.Row {
	row := figures.Row{Measure: "CPU of the whole process for each query", Subject: c.name, Unit: "µs", Value: figures.Of(c.cpu),
		Note: fmt.Sprintf("answer of %d bytes; %s queries/s", c.bytes, figures.Figure(figures.Of(c.qps).Median))}
	if other == nil {
		return row
	}
	ratio := figures.Of(figures.Ratios(c.cpu, other.cpu))
	row.Against, row.Ratio = fmt.Sprintf("%s: %s µs", other.name, figures.Figure(figures.Of(other.cpu).Median)), &ratio
	if goal {
		row.Goal = figures.AtMost("ratio", ratio.Median, 1, "")
	}
	return row
}

func (b *bench) wholeNotes(l loader, all []*contender) []string {
	notes := []string{fmt.Sprintf("Whole processes were asked in turn by %s, %d rounds of %d queries each; ratios are medians of the rounds' ratios.",
		l, b.rounds, b.queries),
		"Server and load generator share the processors, so queries/s are information only; CPU time counts the server's alone.",
		fmt.Sprintf("The answer of file holds the zone's NS records as well (%d bytes, ballast's %d); minimal takes them out again.",
			all[1].bytes, all[0].bytes)}
	if _, builtin := l.(*generator); builtin {
		notes = append(notes, "The built-in load generator was used; `apt install dnsperf` gives a lighter one.")
	}
	return notes
}
