package main

import (
	"math"

	"github.com/ballast-lb/ballast/test/sim/world"

	"gonum.org/v1/gonum/stat/distuv"
)

// figure is a mean over seeds with half of its 95 % confidence interval.
type figure struct {
	Mean float64 `json:"mean"`
	Half float64 `json:"half"`
}

// over makes a figure of one number of each run.
func over(runs []world.Result, of func(*world.Result) float64) figure {
	values := make([]float64, len(runs))
	for i := range runs {
		values[i] = of(&runs[i])
	}
	return spread(values)
}

func spread(values []float64) (f figure) {
	n := float64(len(values))
	for _, v := range values {
		f.Mean += v / n
	}
	if n < 2 {
		return f
	}
	sum := 0.0
	for _, v := range values {
		sum += (v - f.Mean) * (v - f.Mean)
	}
	f.Half = student(int(n)-1) * math.Sqrt(sum/(n-1)/n)
	return f
}

// student is the 97.5 % quantile of Student's t distribution.
func student(degrees int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(degrees)}.Quantile(0.975)
}

func below(x float64) func(*world.Result) float64 {
	return func(r *world.Result) float64 { return r.Below(x) }
}

// ahead is by how much a is above b in the same worlds: the paired difference
// of P(<.98).
func ahead(a, b *cell) figure {
	values := make([]float64, len(a.runs))
	for i := range a.runs {
		values[i] = a.runs[i].Below(.98) - b.runs[i].Below(.98)
	}
	return spread(values)
}

// closure is how much of the gap between the best published policy and the
// ceiling is closed, at P(<.98).
func closure(ours, best, ceiling *cell) float64 {
	p := func(c *cell) float64 { return over(c.runs, below(.98)).Mean }
	return (p(ours) - p(best)) / (p(ceiling) - p(best))
}

// find is the subject's cell in a row, or nil.
func find(row []*cell, who string) *cell {
	for _, c := range row {
		if c.who.String() == who {
			return c
		}
	}
	return nil
}

// published are the policies of the literature that could be told apart.
var published = map[string]bool{
	"rr": true, "rr2": true, "dal": true, "mrl": true, "least-load": true,
	"prr2-ttl1": true, "prr2-ttl2": true, "prr2-ttlk": true, "drr2-ttls1": true, "drr2-ttls2": true, "drr2-ttlsk": true,
}

// bestPublished is the best of them in a row, or nil.
func bestPublished(row []*cell) (best *cell) {
	most := -1.0
	for _, c := range row {
		if p := over(c.runs, below(.98)).Mean; published[c.who.Policy] && p > most {
			best, most = c, p
		}
	}
	return best
}
