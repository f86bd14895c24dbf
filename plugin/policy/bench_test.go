package policy

import (
	"fmt"
	"testing"
)

var sizes = []int{3, 16, 100, 1000}

func BenchmarkDraw(b *testing.B) {
	for _, name := range Names() {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				pol, p := served(name, testConfig(), Input{Now: epoch, Pool: sizedPool(n)})
				q := Query{Key: keyOf(1), Now: epoch}
				b.ReportAllocs()
				for b.Loop() {
					q.Random += golden
					q.Key = keyOf(uint32(q.Random))
					pol.Draw(p, q)
				}
			})
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := Input{Now: epoch, Pool: sizedPool(n)}
			_, st := Next(testConfig(), in, nil)
			b.ReportAllocs()
			for b.Loop() {
				Next(testConfig(), in, st)
			}
		})
	}
}
