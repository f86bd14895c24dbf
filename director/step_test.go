package director

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// crowd is a director with so many VIPs and servers of each.
func crowd(t testing.TB, vips, servers int) *world {
	w := newWorld(t)
	var blocks []string
	for i := range vips {
		var list []string
		for j := range servers {
			list = append(list, fmt.Sprintf("10.201.%d.%d", i/8, 2+i%8*servers+j))
		}
		blocks = append(blocks, vipBlock(fmt.Sprintf("v%d", i), fmt.Sprintf("10.200.%d.%d", i/200, 1+i%200), 80,
			strings.Join(list, " "), `slow_start = "0s"`))
	}
	w.write(blocks...)
	w.start()
	w.settled()
	return w
}

// BenchmarkStep is the cost of a step of 256 VIPs with 16 servers each, over
// the time in which all of them are judged and measured.
func BenchmarkStep(b *testing.B) {
	w := crowd(b, 256, 16)
	for range 30 {
		w.pass(step)
	}
	var longest time.Duration
	b.ResetTimer()
	for range b.N {
		begin := time.Now()
		w.now = w.now.Add(step)
		w.step(w.now)
		longest = max(longest, time.Since(begin))
	}
	b.ReportMetric(float64(longest)/1e6, "ms-at-most")
}

func TestTurnsAreSpread(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 4 * step} {
		t.Run(every.String(), func(t *testing.T) { testTurns(t, every) })
	}
}

func testTurns(t *testing.T, every time.Duration) {
	now := time.Unix(1e9, 123e6)
	turns := make(map[time.Time]int)
	for id := range uint32(40) {
		v := &vip{id: id}
		turn := v.next(now, every)
		if !turn.After(now) || turn.Sub(now) > every {
			t.Errorf("%d: its turn comes after %v", id, turn.Sub(now))
		}
		if again := v.next(turn, every); again.Sub(turn) != every {
			t.Errorf("%d: the turn after that comes %v later", id, again.Sub(turn))
		}
		turns[turn]++
	}
	count := int(every / step)
	for turn, n := range turns {
		if len(turns) != count || n != 40/count {
			t.Errorf("%d of 40 have their turn at %v, of %d", n, turn, len(turns))
		}
	}
}
