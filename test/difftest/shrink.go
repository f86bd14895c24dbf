package main

import (
	"context"
	"strings"

	"github.com/ballast-lb/ballast/test/difftest/zonegen"
)

// small finds the same difference by the plainest question, and in a zone with
// as few records as possible.
func (t *tester) small(ctx context.Context, f *finding) (*finding, error) {
	var plain []subject
	for _, q := range plainer(f.question) {
		s := f.without(nil)
		s.questions[0] = q
		plain = append(plain, s)
	}
	same, err := t.same(ctx, f, plain)
	if err != nil {
		return nil, err
	}
	for _, g := range same {
		if g != nil {
			f = g
			break
		}
	}
	for {
		less, err := t.smaller(ctx, f)
		if err != nil || less == nil {
			return f, err
		}
		f = less
	}
}

// smaller removes what can be removed together; nil if nothing can.
func (t *tester) smaller(ctx context.Context, f *finding) (*finding, error) {
	var alone, together []subject
	keep := 1 // the SOA
	if f.subject.zone.Signing != zonegen.Unsigned {
		keep = 2 // and an NS, which those who sign want
	}
	for i := keep; i < len(f.subject.zone.Lines); i++ {
		alone = append(alone, f.without(map[int]bool{i: true}))
	}
	same, err := t.same(ctx, f, alone)
	if err != nil {
		return nil, err
	}
	drop := map[int]bool{}
	for i, g := range same {
		if g != nil {
			drop[keep+i] = true
			together = append(together, f.without(drop))
		}
	}
	if same, err = t.same(ctx, f, together); err != nil {
		return nil, err
	}
	for i := len(same) - 1; i >= 0; i-- {
		if same[i] != nil {
			return same[i], nil
		}
	}
	return nil, nil
}

// same plays subjects with one question each, and gives those that show the
// same difference, nil for the others.
func (t *tester) same(ctx context.Context, f *finding, subjects []subject) ([]*finding, error) {
	found := make([]*finding, len(subjects))
	var valid []subject // without a record others may lead in a circle
	var index []int
	for i := range subjects {
		if len(subjects[i].zone.Problems()) == 0 {
			valid, index = append(valid, subjects[i]), append(index, i)
		}
	}
	step := max(1, len(valid))
	if f.subject.zone.Shape == "." { // there is but one root for a server
		step = 1
	}
	for at := 0; at < len(valid); at += step {
		err := t.play(ctx, valid[at:at+step], func(g *finding) {
			if g.verdict.Signature() == f.verdict.Signature() {
				found[index[at+g.number]] = g
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// without is the finding's subject with its question, and without some records.
func (f *finding) without(drop map[int]bool) subject {
	s := f.subject
	s.questions = []zonegen.Question{f.question}
	s.zone.Lines = nil
	for i, line := range f.subject.zone.Lines {
		if !drop[i] {
			s.zone.Lines = append(s.zone.Lines, line)
		}
	}
	return s
}

// plainer are questions that may show the same, the plainest first.
func plainer(q zonegen.Question) (all []zonegen.Question) {
	lower := strings.ToLower(q.Name)
	for _, p := range []zonegen.Question{{Name: lower, Type: q.Type}, {Name: q.Name, Type: q.Type}, {Name: lower, Type: q.Type, Size: q.Size, DO: q.DO}} {
		if p != q {
			all = append(all, p)
		}
	}
	return all
}
