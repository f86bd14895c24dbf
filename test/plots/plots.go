// Package plots draws what experiments measured: distributions and courses over
// time, one curve for each thing compared. A path that ends in .svg or .png
// says the format.
package plots

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Series is one curve. Of a distribution X are the values, in any order, and Y
// is not looked at.
type Series struct {
	Name string
	X, Y []float64
}

// Values is the series of a distribution.
func Values(name string, values []float64) Series { return Series{Name: name, X: values} }

// CDF draws how large a share of each series lies at or below a value.
func CDF(path, title, xlabel string, series ...Series) error {
	low, high, err := span(series)
	if err != nil {
		return fmt.Errorf("plot %s: %w", path, err)
	}
	p := newPlot(title, xlabel, "share at or below")
	p.Y.Tick.Marker = plot.TickerFunc(func(_, _ float64) []plot.Tick { return ticks(0, 1) })
	for i, s := range series {
		if err := add(p, i, s.Name, steps(s.X, low, high), plotter.PostStep); err != nil {
			return fmt.Errorf("plot %s: %w", path, err)
		}
	}
	return save(p, path, len(series))
}

// Lines draws Y over X.
func Lines(path, title, xlabel, ylabel string, series ...Series) error {
	if _, _, err := span(series); err != nil {
		return fmt.Errorf("plot %s: %w", path, err)
	}
	p := newPlot(title, xlabel, ylabel)
	for i, s := range series {
		points, err := pair(s)
		if err == nil {
			err = add(p, i, s.Name, points, plotter.NoStep)
		}
		if err != nil {
			return fmt.Errorf("plot %s: %w", path, err)
		}
	}
	return save(p, path, len(series))
}

// span is the range of all X. Nothing to draw is a mistake: an empty picture
// would look like a result.
func span(series []Series) (low, high float64, err error) {
	if len(series) == 0 {
		return 0, 0, errors.New("there is no series")
	}
	var all []float64
	for _, s := range series {
		if len(s.X) == 0 {
			return 0, 0, fmt.Errorf("series %q has no values", s.Name)
		}
		all = append(all, s.X...)
	}
	return slices.Min(all), slices.Max(all), nil
}

// steps are the points of a distribution, drawn from low to high also where
// this series has no values, so that curves can be compared at each value.
func steps(values []float64, low, high float64) plotter.XYs {
	points := plotter.XYs{{X: low, Y: 0}}
	sorted := slices.Sorted(slices.Values(values))
	for i, v := range sorted {
		points = append(points, plotter.XY{X: v, Y: float64(i+1) / float64(len(sorted))})
	}
	return append(points, plotter.XY{X: high, Y: 1})
}

func pair(s Series) (plotter.XYs, error) {
	if len(s.X) != len(s.Y) {
		return nil, fmt.Errorf("series %q has %d X and %d Y", s.Name, len(s.X), len(s.Y))
	}
	points := make(plotter.XYs, len(s.X))
	for i := range points {
		points[i] = plotter.XY{X: s.X[i], Y: s.Y[i]}
	}
	return points, nil
}

// add draws one curve; a value that is no number is an error.
func add(p *plot.Plot, i int, name string, points plotter.XYs, step plotter.StepKind) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("series %q: %w", name, err)
	}
	line.StepStyle, line.LineStyle = step, style(i)
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

// Size of all pictures.
const (
	width  = 18 * vg.Centimeter
	height = 11 * vg.Centimeter
)

// formats are those that documentation and browsers show.
var formats = []string{".svg", ".png"}

// save leaves room above the curves for a legend of so many lines.
func save(p *plot.Plot, path string, lines int) error {
	p.Y.Max += (p.Y.Max - p.Y.Min) * legendRoom * float64(lines)
	if ext := strings.ToLower(filepath.Ext(path)); !slices.Contains(formats, ext) {
		return fmt.Errorf("plot %s: the format %q is none of %s", path, ext, strings.Join(formats, ", "))
	}
	if err := p.Save(width, height, path); err != nil {
		return fmt.Errorf("plot %s: %w", path, err)
	}
	return nil
}
