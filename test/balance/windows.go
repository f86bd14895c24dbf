//go:build linux

package main

import (
	"slices"

	"github.com/ballast-lb/ballast/test/bench/figures"
)

// sample is what happened in a window of time.
type sample struct {
	Seconds float64   `json:"seconds"` // its length
	CPU     []float64 `json:"cpu"`     // seconds that each server used
	Queries float64   `json:"queries"` // at the name server, for the name
	Pages   []float64 `json:"-"`       // how long each took, in milliseconds
	Failed  int       `json:"failed"`
}

// utilisation is what each server used of its quota.
func (s sample) utilisation(quotas []float64) []float64 {
	all := make([]float64, len(quotas))
	for i, q := range quotas {
		all[i] = s.CPU[i] / (q * s.Seconds)
	}
	return all
}

// merge makes windows of n samples. Samples that are left over at the end are
// left out: a shorter window would have more noise than the others.
func merge(samples []sample, n int) []sample {
	var all []sample
	for chunk := range slices.Chunk(samples, n) {
		if len(chunk) == n {
			all = append(all, sum(chunk))
		}
	}
	return all
}

func sum(samples []sample) sample {
	total := sample{CPU: make([]float64, len(samples[0].CPU))}
	for _, s := range samples {
		total.Seconds += s.Seconds
		total.Queries += s.Queries
		total.Failed += s.Failed
		total.Pages = append(total.Pages, s.Pages...)
		for i, c := range s.CPU {
			total.CPU[i] += c
		}
	}
	return total
}

// maxima are the utilisations of the busiest server, by window.
func maxima(samples []sample, quotas []float64) []float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, slices.Max(s.utilisation(quotas)))
	}
	return all
}

// overAverage is by how much the busiest server is above the average one, by
// window; 1 is a perfect balance.
func overAverage(samples []sample, quotas []float64) []float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, maxOverMean(s.utilisation(quotas)))
	}
	return all
}

func maxOverMean(values []float64) float64 {
	average := mean(values)
	if average == 0 {
		return 1 // nobody works, nobody works more than others
	}
	return slices.Max(values) / average
}

// below is the share of values under a limit.
func below(values []float64, limit float64) float64 {
	n := 0
	for _, v := range values {
		if v < limit {
			n++
		}
	}
	return float64(n) / float64(max(1, len(values)))
}

func mean(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total / float64(max(1, len(values)))
}

// p99 is the time within which 99 of 100 pages were there.
func (s sample) p99() float64 { return figures.Percentile(s.Pages, .99) }
