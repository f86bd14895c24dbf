package hidden

import (
	"fmt"
	"testing"
	"time"
)

// TestLightResolvers: where nobody is busy, long idling is no sign of other name
// servers.
func TestLightResolvers(t *testing.T) {
	for _, rate := range []float64{0.005, 0.01, 0.02, 0.04} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			wrong := 0
			for seed := range uint64(4) {
				w := newWorld(seed)
				for i := range 40 {
					w.add(cache{key: keyOf(t, i), rate: rate})
				}
				w.run(time.Hour)
				for range 10 {
					w.run(15 * time.Minute)
					if s := w.store.Census().Share; s > 0 && s < 0.7 {
						wrong++
					}
				}
				if bias, _ := w.right(t); bias > 2 {
					wrong++
				}
			}
			if wrong > 8 {
				t.Errorf("%d times of 44 questions were thought to go to others", wrong)
			}
		})
	}
}
