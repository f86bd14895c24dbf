package figures

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

// Of tells the spread of values; zeros without any.
func Of(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	return Spread{Median: Percentile(values, 0.5), Min: slices.Min(values), Max: slices.Max(values)}
}

// Percentile is the value below which the fraction p of the values lies,
// interpolated between the two that are nearest to it; 0 without values.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := min(max(p, 0), 1) * float64(len(sorted)-1)
	low := math.Floor(at)
	high := math.Ceil(at)
	return sorted[int(low)] + (at-low)*(sorted[int(high)]-sorted[int(low)])
}

// Ratios divides run by run: what disturbs the machine for a while disturbs
// both of a pair, and mostly cancels out.
func Ratios(of, to []float64) []float64 {
	out := make([]float64, 0, min(len(of), len(to)))
	for i := range min(len(of), len(to)) {
		if to[i] > 0 {
			out = append(out, of[i]/to[i])
		}
	}
	return out
}

// Differences subtracts run by run.
func Differences(of, from []float64) []float64 {
	out := make([]float64, min(len(of), len(from)))
	for i := range out {
		out[i] = of[i] - from[i]
	}
	return out
}
