package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
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
		if errors.Is(err, exec.ErrNotFound) {
			r.Notes = append(r.Notes, fmt.Sprintf("%s was not measured: %v.", s.name, err))
			continue
		}
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
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	r.Rows = append(r.Rows, wholeRows(all)...)
	r.Notes = append(r.Notes, b.wholeNotes(l)...)
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
	start := func() (*server, error) { return b.startServer(ctx, s.plugins) }
	if peer, ok := peers[s.name]; ok {
		start = func() (*server, error) { return b.startPeer(ctx, peer) }
	}
	srv, err := start()
	if err != nil {
		return nil, err
	}
	m, err := srv.ask(ctx, dns.TypeA)
	if err == nil && s.counted && (len(m.Answer) != 2 || m.Answer[0].Header().Ttl != 60) {
		err = fmt.Errorf("%s: want two records with a TTL of 60, got\n%s", s.name, m)
	}
	if err != nil {
		srv.stop()
		return nil, err
	}
	return &contender{subject: s, server: srv, bytes: m.Len()}, nil
}

// round asks one contender. The first round is not counted: caches are cold.
func (c *contender) round(ctx context.Context, l loader, queries int, warmUp bool) error {
	before, err := cpuTime(c.Pid())
	if err != nil {
		return err
	}
	t, err := l.load(ctx, c.addr, queries)
	if err != nil {
		return err
	}
	after, err := cpuTime(c.Pid())
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

// wholeGoals are the highest ratios that are aimed at, by what ballast is
// compared with: whoami is what the framework costs without any data.
var wholeGoals = map[string]float64{"file": 1, "file + minimal": 1, "whoami": 1.05}

// wholeRows compare ballast with all others, and ask what more sockets give.
func wholeRows(all []*contender) []figures.Row {
	ballast, rows := all[0], []figures.Row{}
	for _, c := range all[1:] {
		if c.plugins == "multisocket 2\n"+steered {
			rows = append(rows, c.faster(ballast))
			continue
		}
		rows = append(rows, ballast.against(c))
	}
	return rows
}

// faster compares how many queries are answered.
func (c *contender) faster(other *contender) figures.Row {
	ratio := figures.Of(figures.Ratios(c.qps, other.qps))
	return figures.Row{
		Measure: "queries a second of the whole process", Subject: c.name, Unit: "/s", Value: figures.Of(c.qps),
		Against: fmt.Sprintf("%s: %s /s", other.name, figures.Figure(figures.Of(other.qps).Median)), Ratio: &ratio,
		Note: "the load generator takes its part of the same processors",
	}
}

func (c *contender) against(other *contender) figures.Row {
	ratio := figures.Of(figures.Ratios(c.cpu, other.cpu))
	row := figures.Row{
		Measure: "CPU of the whole process for each query", Subject: c.name, Unit: "µs", Value: figures.Of(c.cpu),
		Against: fmt.Sprintf("%s: %s µs", other.name, figures.Figure(figures.Of(other.cpu).Median)), Ratio: &ratio,
		Note: fmt.Sprintf("answers of %d and %d bytes; %s and %s queries/s", c.bytes, other.bytes,
			figures.Figure(figures.Of(c.qps).Median), figures.Figure(figures.Of(other.qps).Median)),
	}
	if limit, ok := wholeGoals[other.name]; ok {
		row.Goal = figures.AtMost("ratio", ratio.Median, limit, "")
	}
	return row
}

func (b *bench) wholeNotes(l loader) []string {
	notes := []string{fmt.Sprintf("Whole processes were asked in turn by %s, %d rounds of %d queries each; ratios are medians of the rounds' ratios.",
		l, b.rounds, b.queries),
		"Server and load generator share the processors, so queries/s are information only; CPU time counts the server's alone, with its children's.",
		"NSD has one process that answers, Knot and gdnsd have as many threads as there are processors, as they come."}
	if _, builtin := l.(*generator); builtin {
		notes = append(notes, "The built-in load generator was used; `apt install dnsperf` gives a lighter one.")
	}
	return notes
}
