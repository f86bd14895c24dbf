package plots

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// style tells curves apart by colour and by dashes, so that neither a printer
// nor an eye without colours loses one. There are more colours than dashes, and
// the numbers share no factor: 35 curves differ.
func style(i int) draw.LineStyle {
	colours, dashes := palette(), dashes()
	return draw.LineStyle{
		Color:  colours[i%len(colours)],
		Width:  vg.Points(1.8),
		Dashes: dashes[i%len(dashes)],
	}
}

// palette is that of Okabe and Ito, Color Universal Design (2008), without
// yellow, which white paper swallows.
func palette() []color.RGBA {
	return []color.RGBA{
		{0, 114, 178, 255},   // blue
		{213, 94, 0, 255},    // vermilion
		{0, 158, 115, 255},   // bluish green
		{0, 0, 0, 255},       // black
		{204, 121, 167, 255}, // reddish purple
		{230, 159, 0, 255},   // orange
		{86, 180, 233, 255},  // sky blue
	}
}

func dashes() [][]vg.Length {
	dash, gap, dot := vg.Points(8), vg.Points(3), vg.Points(2)
	return [][]vg.Length{
		nil,
		{dash, gap},
		{dot, gap},
		{dash, gap, dot, gap},
		{dash, gap, dot, gap, dot, gap},
	}
}

// legendRoom is what a line of the legend takes of the height of the curves,
// above which it stands.
const legendRoom = 0.08

// newPlot is an empty picture with a grid to read values by.
func newPlot(title, xlabel, ylabel string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, xlabel, ylabel
	p.Title.Padding = vg.Points(6)
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth = vg.Points(34) // long enough to show the dashes
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		f.Variant, f.Size = "Sans", vg.Points(11)
	}
	p.Title.TextStyle.Font.Size = vg.Points(13)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xdd}, color.Gray{0xdd}
	p.Add(grid)
	return p
}

// maxTicks is how many numbers an axis may have.
const maxTicks = 9

// ticks stand at multiples of 1, 2 or 5 times a power of ten, and their numbers
// are exact: rounded ones mislead where an axis is short.
func ticks(low, high float64) (all []plot.Tick) {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: strconv.FormatFloat(low, 'g', 4, 64)}}
	}
	power := math.Floor(math.Log10(high-low)) - 1
	for _, n := range []float64{1, 2, 5, 10, 20, 50} {
		step := n * math.Pow(10, power)
		first, last := math.Ceil(low/step-1e-9), math.Floor(high/step+1e-9)
		if last-first+1 > maxTicks {
			continue
		}
		for k := first + 0; k <= last; k++ { // + 0: no minus before a zero
			all = append(all, plot.Tick{Value: k * step, Label: strconv.FormatFloat(k*step, 'g', 6, 64)})
		}
		return all
	}
	return plot.DefaultTicks{}.Ticks(low, high)
}
