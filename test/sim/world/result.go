package world

import "slices"

// Result is what happened in a world after its warming up.
type Result struct {
	Most    []float64 // utilisation of the most loaded server, by window
	Mean    []float64 // of all servers by capacity, by window
	Queries float64   // to the name servers, a second

	responses []float32
	MeanPage  float64 // time until a page is done, s
	P95Page   float64
}

func (r *Result) add(counts bool, most, mean float64) {
	if counts {
		r.Most, r.Mean = append(r.Most, most), append(r.Mean, mean)
	}
}

func (r *Result) close() {
	slices.Sort(r.responses)
	n := len(r.responses)
	if n == 0 {
		return
	}
	sum := 0.0
	for _, t := range r.responses {
		sum += float64(t)
	}
	r.MeanPage, r.P95Page = sum/float64(n), float64(r.responses[n*95/100])
	r.responses = nil
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
