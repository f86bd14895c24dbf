package figures

import (
	"math"
	"slices"
	"testing"
)

func TestPercentile(t *testing.T) {
	ten := []float64{10, 1, 9, 2, 8, 3, 7, 4, 6, 5}
	for _, c := range []struct {
		name   string
		values []float64
		p      float64
		want   float64
	}{
		{"nothing", nil, 0.5, 0},
		{"a single value", []float64{7}, 0.99, 7},
		{"median of an odd number", []float64{3, 1, 2}, 0.5, 2},
		{"median of an even number", []float64{4, 1, 2, 3}, 0.5, 2.5},
		{"the least", ten, 0, 1},
		{"the most", ten, 1, 10},
		{"between two values", ten, 0.99, 9.91},
		{"beyond the range", ten, 1.5, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.values)
			if got := Percentile(c.values, c.p); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("%v, want %v", got, c.want)
			}
			if !slices.Equal(before, c.values) {
				t.Errorf("the values were reordered: %v", c.values)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	if got, want := Of([]float64{5, 1, 3}), (Spread{Median: 3, Min: 1, Max: 5}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := Of(nil); got != (Spread{}) {
		t.Errorf("%v of nothing, want zeros", got)
	}
}

// TestRatiosPairRuns: a disturbance that hits both of a pair leaves the ratio
// as it is, where a ratio of medians would not.
func TestRatiosPairRuns(t *testing.T) {
	got := Ratios([]float64{8, 80, 9}, []float64{10, 100, 0, 7})
	if want := []float64{0.8, 0.8}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v: the pair with 0 and the value without a partner left out", got, want)
	}
}

func TestDifferencesPairRuns(t *testing.T) {
	if got, want := Differences([]float64{5, 9, 1}, []float64{2, 10}), []float64{3, -1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
