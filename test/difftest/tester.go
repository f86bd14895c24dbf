package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ballast-lb/ballast/test/difftest/zonegen"
)

// tester is one run.
type tester struct {
	settings
	kinds    []*kind // ours is the first
	progress io.Writer
}

// run asks about all zones, and makes the differences small.
func (t *tester) run(ctx context.Context) (*report, error) {
	begin := time.Now()
	c := newCounts()
	tell := func(f *finding) {
		if c.add(f); c.pairs%500 == 0 {
			t.say("%d pairs, %d differences, %v", c.pairs, c.different, time.Since(begin).Round(time.Second))
		}
	}
	for from := 0; from < t.zones; from += t.batch {
		if err := t.play(ctx, t.subjects(from, min(t.zones, from+t.batch)), tell); err != nil {
			return nil, err
		}
	}
	for i := range t.roots { // there is but one root for a server
		seed := t.seed + uint64(i)
		z, qs := zonegen.MakeRoot(seed, t.questions)
		if err := t.play(ctx, []subject{{seed, z, qs}}, tell); err != nil {
			return nil, err
		}
	}
	took := time.Since(begin)
	err := t.shrinkAll(ctx, c)
	t.say("")
	return c.report(took, t.shrink), err
}

// shrinkAll makes the example of each kind of difference small.
func (t *tester) shrinkAll(ctx context.Context, c *counts) error {
	signatures := c.signatures()
	for _, sig := range signatures[:min(len(signatures), t.shrink)] {
		t.say("making small: %s", sig)
		small, err := t.small(ctx, c.smallest[sig])
		if err != nil {
			return err
		}
		c.smallest[sig] = small
	}
	return nil
}

// say writes over the line of progress.
func (t *tester) say(format string, args ...any) {
	fmt.Fprintf(t.progress, "\r\x1b[K"+format, args...)
}

// subjects makes the zones from one index to another.
func (t *tester) subjects(from, to int) []subject {
	list := make([]subject, 0, to-from)
	for i := from; i < to; i++ {
		z, qs := zonegen.Make(t.seed+uint64(i), t.questions)
		list = append(list, subject{t.seed + uint64(i), z, qs})
	}
	return list
}
