//go:build linux

package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ballast-lb/ballast/test/plots"
)

// draw makes the pictures, one curve for each policy.
func (r *report) draw(dir string) error {
	s := r.settings
	var busiest, ratio, latency []plots.Series
	for _, o := range r.Outcomes {
		busiest = append(busiest, plots.Values(o.Policy, maxima(o.Samples, r.Quotas)))
		windows := merge(o.Samples, min(s.span, len(o.Samples)))
		at, p99 := times(windows), make([]float64, len(windows))
		for i, w := range windows {
			p99[i] = w.p99()
		}
		ratio = append(ratio, plots.Series{Name: o.Policy, X: at, Y: overAverage(windows, r.Quotas)})
		latency = append(latency, plots.Series{Name: o.Policy, X: at, Y: p99})
	}
	var errs []error
	for _, format := range []string{".svg", ".png"} {
		path := func(name string) string { return filepath.Join(dir, name+format) }
		errs = append(errs,
			plots.CDF(path("busiest"), fmt.Sprintf("The busiest server, by %s", s.length(1)),
				"share of its CPU quota that was used", busiest...),
			plots.Lines(path("over-average"), fmt.Sprintf("Utilisation of the busiest server over the average, by %s", s.length(s.span)),
				"seconds", "max/avg", ratio...),
			plots.Lines(path("latency"), fmt.Sprintf("Time within which 99 %% of the pages came, by %s", s.length(s.span)),
				"seconds", "milliseconds", latency...))
	}
	return errors.Join(errs...)
}

// times are the ends of windows, in seconds from the first one's beginning.
func times(windows []sample) (all []float64) {
	at := 0.0
	for _, w := range windows {
		at += w.Seconds
		all = append(all, at)
	}
	return all
}
