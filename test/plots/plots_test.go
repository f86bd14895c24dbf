package plots

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func TestStepsOfADistribution(t *testing.T) {
	got := steps([]float64{3, 1, 1, 2}, 0, 5)
	want := plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: .25}, {X: 1, Y: .5}, {X: 2, Y: .75}, {X: 3, Y: 1}, {X: 5, Y: 1}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestCurvesDiffer: 35 of them, by colour or dashes, and neighbours by both.
func TestCurvesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range 35 {
		s, next := style(i), style(i+1)
		seen[fmt.Sprint(s.Color, s.Dashes)] = true
		if s.Color == next.Color || slices.Equal(s.Dashes, next.Dashes) {
			t.Errorf("curves %d and %d share a colour or dashes", i, i+1)
		}
	}
	if len(seen) != 35 {
		t.Errorf("%d styles, want 35", len(seen))
	}
}

func TestTicksAreExactAndFew(t *testing.T) {
	for _, c := range []struct {
		name      string
		low, high float64
		want      string
	}{
		{"a share", 0, 1, "0 0.2 0.4 0.6 0.8 1"},
		{"a short axis", 0.71, 1.02, "0.75 0.8 0.85 0.9 0.95 1"},
		{"seconds", 0, 150, "0 20 40 60 80 100 120 140"},
		{"below zero", -3, 4, "-3 -2 -1 0 1 2 3 4"},
		{"one value", 7, 7, "7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var labels []string
			for _, tick := range ticks(c.low, c.high) {
				labels = append(labels, tick.Label)
			}
			if got := strings.Join(labels, " "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// drawings are both kinds of plot of the same two series.
func drawings() map[string]func(path string) error {
	a := Series{Name: "first", X: []float64{1, 2, 3}, Y: []float64{1, 4, 9}}
	b := Series{Name: "second", X: []float64{1, 2, 3}, Y: []float64{2, 3, 4}}
	return map[string]func(string) error{
		"cdf":   func(path string) error { return CDF(path, "Title", "seconds", a, b) },
		"lines": func(path string) error { return Lines(path, "Title", "seconds", "requests", a, b) },
	}
}

func TestSVGHoldsTitleLabelsAndNames(t *testing.T) {
	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			picture := read(t, draw, "p.svg")
			for _, word := range []string{"Title", "seconds", "first", "second"} {
				if !strings.Contains(string(picture), ">"+word+"<") {
					t.Errorf("%q is not in the picture", word)
				}
			}
			for decoder := xml.NewDecoder(bytes.NewReader(picture)); ; {
				if _, err := decoder.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("It is no XML: %v", err)
				}
			}
		})
	}
}

func TestPNGIsAPicture(t *testing.T) {
	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			picture, err := png.Decode(bytes.NewReader(read(t, draw, "p.png")))
			if err != nil {
				t.Fatal(err)
			}
			if size := picture.Bounds().Size(); size.X < 500 || size.Y < 300 {
				t.Errorf("It is only %v large", size)
			}
		})
	}
}

func read(t *testing.T, draw func(string) error, name string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := draw(path); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func TestMistakesAreNamed(t *testing.T) {
	one := Series{Name: "a", X: []float64{1, 2}, Y: []float64{1, 2}}
	for _, c := range []struct {
		name, path string
		series     []Series
		want       string
	}{
		{"no series", "p.svg", nil, "no series"},
		{"an empty series", "p.svg", []Series{one, {Name: "b"}}, `series "b" has no values`},
		{"X without Y", "p.svg", []Series{Values("b", []float64{1})}, `series "b" has 1 X and 0 Y`},
		{"not a number", "p.svg", []Series{{Name: "b", X: []float64{1}, Y: []float64{math.NaN()}}}, `series "b"`},
		{"a format that is not offered", "p.gif", []Series{one}, `".gif" is none of .svg, .png`},
		{"a folder that is not there", "nowhere/p.svg", []Series{one}, "nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Lines(filepath.Join(t.TempDir(), c.path), "", "", "", c.series...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}
