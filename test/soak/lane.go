package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// lane does one operation after another; several lanes do so beside each other.
// What it does follows from the seed, when it does it does not quite.
type lane struct {
	name  string
	every time.Duration // pause between two, on average
	ops   []op
}

// op is something that is done to the system.
type op struct {
	name  string
	share int // how often, beside the others of its lane
	fault bool
	do    func(ctx context.Context, r *rand.Rand, note func(format string, args ...any) func()) error
}

// run does operations until ctx ends. One that has begun is brought to its end, so
// that nothing stays broken.
func (l *lane) run(ctx context.Context, j *journal, r *rand.Rand) error {
	for {
		pause := time.Duration(min(r.ExpFloat64(), 3) * float64(l.every))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		o := l.draw(r)
		note := func(format string, args ...any) func() {
			return j.begin(o.fault, o.name, fmt.Sprintf(format, args...))
		}
		if err := o.do(ctx, r, note); err != nil {
			return fmt.Errorf("%s: %s: %w", l.name, o.name, err)
		}
	}
}

func (l *lane) draw(r *rand.Rand) *op {
	all := 0
	for i := range l.ops {
		all += l.ops[i].share
	}
	n := r.IntN(all)
	for i := range l.ops {
		if n -= l.ops[i].share; n < 0 {
			return &l.ops[i]
		}
	}
	return &l.ops[0]
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// between draws a time.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}
