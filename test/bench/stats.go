package main

import (
	"math"
	"slices"
)

// Spread is what several runs gave.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	return Spread{Median: percentile(values, 0.5), Min: slices.Min(values), Max: slices.Max(values)}
}

// percentile is the value below which the fraction p of the values lies,
// interpolated between the two that are nearest to it; 0 without values.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := min(max(p, 0), 1) * float64(len(sorted)-1)
	low := math.Floor(at)
	high := math.Ceil(at)
	return sorted[int(low)] + (at-low)*(sorted[int(high)]-sorted[int(low)])
}

// ratios divides run by run: what disturbs the machine for a while disturbs
// both of a pair, and mostly cancels out.
func ratios(of, to []float64) []float64 {
	out := make([]float64, 0, min(len(of), len(to)))
	for i := range min(len(of), len(to)) {
		if to[i] > 0 {
			out = append(out, of[i]/to[i])
		}
	}
	return out
}

// differences subtracts run by run.
func differences(of, from []float64) []float64 {
	out := make([]float64, min(len(of), len(from)))
	for i := range out {
		out[i] = of[i] - from[i]
	}
	return out
}
