package probe

import (
	"math"
	"strings"
	"testing"
)

// Each case is a row of results: + a success, - a failure; below it the state
// after each (u up, d down) and the results in a row that would change it.
func TestCounter(t *testing.T) {
	tests := []struct {
		name       string
		rise, fall int
		results    string
		states     string
		remaining  string
	}{
		{"the first success decides at once", 3, 3, "+", "u", "3"},
		{"the first failure decides at once", 3, 3, "-", "d", "3"},
		{"fall failures in a row take it down", 2, 3, "+---", "uuud", "3212"},
		{"a success between starts the count anew", 2, 3, "+--+--", "uuuuuu", "321321"},
		{"rise successes in a row bring it up", 2, 3, "-++", "ddu", "213"},
		{"a failure between starts the count anew", 2, 3, "-+-++", "ddddu", "21213"},
		{"rise and fall of one follow every result", 1, 1, "+-+-", "udud", "1111"},
		{"less than one counts as one", 0, -5, "+-+", "udu", "111"},
		{"what is known stays known", 2, 2, "++++", "uuuu", "2222"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCounter(tt.rise, tt.fall)
			if c.Known() || c.Up() || c.Remaining() != 1 {
				t.Errorf("at the start known %v, up %v, remaining %d", c.Known(), c.Up(), c.Remaining())
			}
			up := false
			for i, r := range tt.results {
				flipped := c.Observe(r == '+')
				if want := i == 0 || c.Up() != up; flipped != want {
					t.Errorf("result %d: flipped %v, want %v", i, flipped, want)
				}
				up = c.Up()
				if want := tt.states[i] == 'u'; up != want || !c.Known() {
					t.Errorf("result %d: up %v, known %v, want up %v", i, up, c.Known(), want)
				}
				if want := int(tt.remaining[i] - '0'); c.Remaining() != want {
					t.Errorf("result %d: remaining %d, want %d", i, c.Remaining(), want)
				}
			}
		})
	}
}

func TestCounterRestore(t *testing.T) {
	tests := []struct {
		name            string
		up              bool
		remaining, want int
	}{
		{"up with all to go", true, 3, 3},
		{"up with one to go", true, 1, 1},
		{"more than it takes", true, math.MaxInt, 3},
		{"none to go is one to go", true, 0, 1},
		{"down with all to go", false, math.MaxInt, 2},
		{"down with one to go", false, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCounter(2, 3)
			c.Restore(tt.up, tt.remaining)
			if !c.Known() || c.Up() != tt.up || c.Remaining() != tt.want {
				t.Errorf("known %v, up %v, remaining %d, want %d", c.Known(), c.Up(), c.Remaining(), tt.want)
			}
			for i := range tt.want {
				if flipped, last := c.Observe(!tt.up), i == tt.want-1; flipped != last {
					t.Errorf("result %d: flipped %v", i, flipped)
				}
			}
		})
	}
}

// FuzzCounter compares the Counter with a slow reading of the whole history.
func FuzzCounter(f *testing.F) {
	f.Add(uint8(2), uint8(3), "++---+-++")
	f.Fuzz(func(t *testing.T, rise, fall uint8, results string) {
		rise, fall = rise%8+1, fall%8+1
		c := NewCounter(int(rise), int(fall))
		var history strings.Builder
		up := false
		for i, b := range []byte(results) {
			ok := b&1 == 0
			c.Observe(ok)
			history.WriteByte(map[bool]byte{true: '+', false: '-'}[ok])
			switch h := history.String(); {
			case i == 0:
				up = ok
			case up && strings.HasSuffix(h, strings.Repeat("-", int(fall))):
				up = false
			case !up && strings.HasSuffix(h, strings.Repeat("+", int(rise))):
				up = true
			}
			if c.Up() != up || c.Remaining() < 1 {
				t.Fatalf("rise %d fall %d %s: up %v, want %v, remaining %d", rise, fall, history.String(), c.Up(), up, c.Remaining())
			}
		}
	})
}
