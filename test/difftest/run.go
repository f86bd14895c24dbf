package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ballast-lb/ballast/test/difftest/judge"
	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// subject is a zone with the questions about it.
type subject struct {
	seed      uint64
	zone      zonegen.Zone
	questions []zonegen.Question
}

// finding is a question to which our answer is wrong, or may be.
type finding struct {
	subject  subject
	number   int // of the subject
	origin   string
	question zonegen.Question
	verdict  judge.Verdict
	ours     *judge.Answer
	others   []judge.Reference
}

// askers is how many questions are under way.
const askers = 4

// play starts servers for the subjects, asks everything, and hands each
// finding to tell, one at a time.
func (t *tester) play(ctx context.Context, subjects []subject, tell func(*finding)) error {
	if len(subjects) == 0 {
		return nil
	}
	zones := make([]zonegen.Zone, len(subjects))
	for i := range subjects {
		zones[i] = subjects[i].zone
	}
	s, err := startStage(ctx, t.kinds, zones)
	if err != nil {
		return err
	}
	defer s.stop()
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64 // subject that nobody asks about yet
	var mu sync.Mutex
	for range askers {
		g.Go(func() error {
			return s.work(ctx, subjects, &next, func(f *finding) {
				mu.Lock()
				defer mu.Unlock()
				tell(f)
			})
		})
	}
	return g.Wait()
}

// work asks about one subject after the other.
func (s *stage) work(ctx context.Context, subjects []subject, next *atomic.Int64, tell func(*finding)) error {
	a, err := s.newAsker(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	for i := int(next.Add(1)) - 1; i < len(subjects); i = int(next.Add(1)) - 1 {
		if err := a.about(ctx, i, &subjects[i], tell); err != nil {
			return err
		}
	}
	return nil
}

// about asks all questions about a zone.
func (a *asker) about(ctx context.Context, number int, s *subject, tell func(*finding)) error {
	origin := a.zones[number].origin
	zone, err := judge.ReadZone(a.zones[number].text, origin)
	if err != nil {
		return err
	}
	for _, q := range s.questions {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m := message(q, origin)
		answers, err := a.ask(ctx, m)
		if err != nil {
			return err
		}
		c := &judge.Case{Zone: zone, Question: m.Question[0], Size: q.Size, Ours: answers[0]}
		for i, p := range a.procs[1:] {
			c.Others = append(c.Others, judge.Reference{Name: p.name, Answer: answers[i+1]})
		}
		tell(&finding{
			subject: *s, number: number, origin: origin, question: q,
			verdict: judge.Judge(c), ours: c.Ours, others: c.Others,
		})
	}
	return nil
}

// message is the query for a question.
func message(q zonegen.Question, origin string) *dns.Msg {
	m := new(dns.Msg).SetQuestion(absolute(q.Name, origin), q.Type)
	m.RecursionDesired = false
	if q.Size > 0 {
		m.SetEdns0(q.Size, q.DO)
	}
	return m
}

// absolute completes a name.
func absolute(name, origin string) string {
	switch {
	case name == "@":
		return origin
	case dns.IsFqdn(name):
		return name
	case origin == ".":
		return name + "."
	}
	return name + "." + origin
}
