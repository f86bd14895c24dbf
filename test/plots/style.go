package plots

import (
	"image/color"

	"gonum.org/v1/plot"
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

// legendRoom is what a line of the legend takes of the height.
const legendRoom = 0.07

// newPlot is an empty picture with a grid to read values by.
func newPlot(title, xlabel, ylabel string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, xlabel, ylabel
	p.Title.TextStyle.Font.Size = vg.Points(13)
	p.Title.Padding = vg.Points(6)
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth = vg.Points(34) // long enough to show the dashes
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xdd}, color.Gray{0xdd}
	p.Add(grid)
	return p
}
