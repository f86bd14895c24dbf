package world

import "math"

// Result is what happened in a world after its warming up.
type Result struct {
	Most    []float64 // utilisation of the most loaded server, by window
	Mean    []float64 // of all servers by capacity, by window
	Queries float64   // to the name servers, a second

	MeanPage float64 // time until a page is done, s
	P95Page  float64 // right to 2 %

	pages    [bins]int // by the logarithm of their time
	count    int
	duration float64
}

// Pages are counted in bins that are 2 % wide, from a millisecond on.
const (
	bins     = 800
	binWidth = 0.02
	leastBin = 1e-3
)

func (r *Result) add(counts bool, most, mean float64) {
	if counts {
		r.Most, r.Mean = append(r.Most, most), append(r.Mean, mean)
	}
}

func (r *Result) page(seconds float64) {
	r.pages[min(max(int(math.Log(seconds/leastBin)/binWidth), 0), bins-1)]++
	r.count++
	r.duration += seconds
}

func (r *Result) close() {
	if r.count == 0 {
		return
	}
	r.MeanPage = r.duration / float64(r.count)
	seen := 0
	for i, n := range r.pages {
		if seen += n; seen >= r.count*95/100 {
			r.P95Page = leastBin * math.Exp(binWidth*(float64(i)+0.5))
			return
		}
	}
}

// Below is the share of windows in which the most loaded server was below x:
// the papers' Prob(MaxUtilization < x).
func (r *Result) Below(x float64) float64 {
	n := 0
	for _, u := range r.Most {
		if u < x {
			n++
		}
	}
	return float64(n) / float64(max(len(r.Most), 1))
}

// Imbalance is the mean over windows of the most loaded server's utilisation
// over that of all.
func (r *Result) Imbalance() float64 {
	sum := 0.0
	for i, most := range r.Most {
		sum += most / max(r.Mean[i], 0.01)
	}
	return sum / float64(max(len(r.Most), 1))
}
