package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/ballast-lb/ballast/test/sim/world"
)

func queries(r *world.Result) float64   { return r.Queries }
func imbalance(r *world.Result) float64 { return r.Imbalance() }
func meanPage(r *world.Result) float64  { return r.MeanPage }
func p95Page(r *world.Result) float64   { return r.P95Page }

// run makes the whole report, or a table of what was asked for.
func (o *options) run(ctx context.Context) error {
	if o.quick || len(o.het) > 0 || len(o.who) > 0 || o.floor > 0 {
		return o.some(ctx)
	}
	return o.all(ctx)
}

// some is a table of the papers' world, or of that with a floor.
func (o *options) some(ctx context.Context) error {
	levels, who, seeds := o.het, o.who, o.seeds
	if len(levels) == 0 {
		if levels = []int{20, 35, 50, 65}; o.quick {
			levels = []int{35, 65}
		}
	}
	if len(who) == 0 {
		who = subjects(everybody)
	}
	if seeds == 0 {
		if seeds = 20; o.quick {
			seeds = 3
		}
	}
	j := &jobs{seed0: o.seed0, seeds: seeds, hours: o.hours}
	var rows [][]*cell
	for _, het := range levels {
		s := plain(het)
		s.change = floored(o.floor, 1)
		rows = append(rows, j.add(s, who))
	}
	if err := runAll(ctx, j); err != nil {
		return err
	}
	fmt.Print(levelTable(rows))
	if o.out == "" {
		return nil
	}
	return writeEntries(o.out, rows)
}

// runAll runs jobs with progress on standard error.
func runAll(ctx context.Context, list ...*jobs) error {
	total := 0
	for _, j := range list {
		total += j.count()
	}
	var done atomic.Int64
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); showProgress(ctx, &done, total) }()
	defer func() { cancel(); <-ended }()
	for _, j := range list {
		if err := j.run(ctx, &done); err != nil {
			return err
		}
	}
	return nil
}

// all is the report.
func (o *options) all(ctx context.Context) error {
	many, few := o.seeds, o.seeds
	if o.seeds == 0 {
		many, few = 20, 6
	}
	main := &jobs{seed0: o.seed0, seeds: many, hours: o.hours}
	rest := &jobs{seed0: o.seed0, seeds: few, hours: o.hours}
	var r report
	for _, s := range levels() {
		r.levels = append(r.levels, main.add(s, subjects(everybody)))
	}
	for _, s := range others() {
		r.others = append(r.others, rest.add(s, subjects(contest)))
	}
	for _, s := range sweeps() {
		var rows [][]*cell
		for _, one := range s.scenarios() {
			rows = append(rows, rest.add(one, subjects(sweepers)))
		}
		r.sweeps = append(r.sweeps, rows)
	}
	if err := runAll(ctx, main, rest); err != nil {
		return err
	}
	return r.write(o.out)
}

// report is everything that was run.
type report struct {
	levels, others [][]*cell
	sweeps         [][][]*cell
}

func (r *report) write(dir string) error {
	text := "In the papers' world:\n\n" + levelTable(r.levels) + "\n" + aheadTable(r.levels) +
		"\nElsewhere:\n\n" + otherTable(r.others)
	fmt.Print(text)
	if dir == "" {
		return nil
	}
	if err := writeEntries(dir, append(r.levels, r.others...)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tables.md"), []byte(text), 0o644); err != nil {
		return err
	}
	return r.draw(dir)
}

func writeEntries(dir string, rows [][]*cell) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var entries []entry
	for _, row := range rows {
		for _, c := range row {
			entries = append(entries, c.entry(row))
		}
	}
	text, err := json.MarshalIndent(entries, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "results.json"), append(text, '\n'), 0o644)
}
