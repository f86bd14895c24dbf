package main

import (
	"fmt"
	"path/filepath"

	"github.com/ballast-lb/ballast/test/plots"
	"github.com/ballast-lb/ballast/test/sim/world"
)

// drawn are the policies of the pictures in which all would be too many.
var drawn = []string{"rr", "mrl", "prr2-ttlk", "drr2-ttlsk", "headroom", "headroom:2", "oracle"}

func (r *report) draw(dir string) error {
	for _, row := range r.levels {
		if err := drawLevel(dir, row); err != nil {
			return err
		}
	}
	for i, s := range sweeps() {
		if err := drawSweep(dir, s, r.sweeps[i]); err != nil {
			return err
		}
	}
	return drawCourse(dir, r.levels[1])
}

// drawLevel is the cumulative frequency of the maximum utilisation, over the
// worlds of a level.
func drawLevel(dir string, row []*cell) error {
	var series []plots.Series
	for _, who := range drawn {
		c := find(row, who)
		var x, y []float64
		for u := 0.5; u < 1.0001; u += 0.01 {
			x, y = append(x, u), append(y, over(c.runs, below(u)).Mean)
		}
		series = append(series, plots.Series{Name: who, X: x, Y: y})
	}
	het := row[0].scenario.Het
	return plots.Lines(filepath.Join(dir, fmt.Sprintf("cdf-%d.svg", het)),
		fmt.Sprintf("Most loaded of seven servers, heterogeneity %d %%", het), "utilisation x in 8 s", "P(maximum < x)", series...)
}

func drawSweep(dir string, s sweep, rows [][]*cell) error {
	var series []plots.Series
	for i, c := range rows[0] {
		line := plots.Series{Name: c.who.String(), X: s.at}
		for _, row := range rows {
			line.Y = append(line.Y, over(row[i].runs, below(.98)).Mean)
		}
		series = append(series, line)
	}
	return plots.Lines(filepath.Join(dir, s.File+".svg"), s.Title, s.Label, "P(maximum < .98)", series...)
}

// drawCourse is one world's maximum utilisation over an hour, as means of two
// minutes.
func drawCourse(dir string, row []*cell) error {
	const windows, every = 450, 15
	var series []plots.Series
	for _, who := range []string{"rr", "drr2-ttlsk", "headroom", "oracle"} {
		line := plots.Series{Name: who}
		for i := 0; i+every <= min(windows, len(find(row, who).runs[0].Most)); i += every {
			line.X = append(line.X, float64(i)*world.Window/60)
			line.Y = append(line.Y, mean(find(row, who).runs[0].Most[i:i+every]))
		}
		series = append(series, line)
	}
	return plots.Lines(filepath.Join(dir, "course.svg"), "Most loaded of seven servers over an hour, heterogeneity 35 %",
		"time (min)", "maximum utilisation, mean of 2 min", series...)
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}
