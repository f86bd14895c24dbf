package main

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/ballast-lb/ballast/test/sim/world"

	"golang.org/x/sync/errgroup"
)

// cell is one subject in one scenario, over all seeds.
type cell struct {
	scenario scenario
	who      subject
	runs     []world.Result
}

// jobs are cells to be run, all with the same seeds.
type jobs struct {
	seed0, seeds int
	hours        float64
	cells        []*cell
}

func (j *jobs) add(s scenario, who []subject) (row []*cell) {
	for _, w := range who {
		c := &cell{scenario: s, who: w, runs: make([]world.Result, j.seeds)}
		j.cells = append(j.cells, c)
		row = append(row, c)
	}
	return row
}

// run runs everything on all cores. Each world is for itself, so the order does
// not matter.
func (j *jobs) run(ctx context.Context, done *atomic.Int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, c := range j.cells {
		for i := range c.runs {
			g.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				w, err := world.New(c.scenario.params(c.who, j.hours), uint64(j.seed0+i))
				if err != nil {
					return fmt.Errorf("%s in %q: %w", c.who, c.scenario.Name, err)
				}
				c.runs[i] = w.Run()
				done.Add(1)
				return nil
			})
		}
	}
	return g.Wait()
}

func (j *jobs) count() int { return len(j.cells) * j.seeds }
