package policy

import (
	"math"
	"time"
)

// observer decides how far reports are followed. The gain is the part of the way
// from the believed to the measured loads that is gone in 8 s, and adapts: if a
// server's next report tends to contradict the correction that the last one
// made, reports are noisy and the gain falls; if it tends to ask for more of it,
// the belief lags behind and the gain rises (Mehra, "On the identification of
// variances and adaptive Kalman filtering", IEEE TAC 15(2), 1970: at the right
// gain innovations are white).
type observer struct {
	gain  float64
	last  []float64 // by slot, as measured
	surge []float64 // by slot: the innovation of the last new report, logarithmic
}

// The observer's numbers.
const (
	firstGain = 0.15
	leastGain = 0.05
	mostGain  = 0.4
	gainStep  = 0.01
	gainBias  = 0.15 // towards a small gain: late reports look as if they asked for more
)

func newObserver() observer { return observer{gain: firstGain} }

// part is how much of the way is to be gone in dt.
func (o *observer) part(dt time.Duration) float64 {
	return 1 - math.Pow(1-o.gain, dt.Seconds()/8)
}

// adapt compares new reports with what is believed; both by slot, measured with
// NaN where nothing is known.
func (o *observer) adapt(measured []float64, believed func(slot int) float64) {
	for len(o.last) < len(measured) {
		o.last, o.surge = append(o.last, math.NaN()), append(o.surge, 0)
	}
	var total, all, product, square float64
	for i, m := range measured {
		if !math.IsNaN(m) {
			total, all = total+m, all+believed(i)
		}
	}
	for i, m := range measured {
		if math.IsNaN(m) || m <= 0 || m == o.last[i] || total <= 0 || all <= 0 {
			continue
		}
		surge := math.Log(m / total * all / max(believed(i), 1e-6))
		product += surge * o.surge[i]
		square += surge*surge + o.surge[i]*o.surge[i]
		o.last[i], o.surge[i] = m, surge
	}
	if square > 0 {
		o.gain = clamp(o.gain*math.Exp(gainStep*(2*product/square-gainBias)), leastGain, mostGain)
	}
}
