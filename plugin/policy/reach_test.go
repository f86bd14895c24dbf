package policy

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/belief"
)

// background is a table in which loads stand still: all demand but a key's of
// weight w is told to servers for longer than the grid, and the key's own has
// been spread by capacity.
func background(grid, shares, told []float64, w, tolerance float64) *belief.Table {
	const start = int64(1e12)
	b := belief.New(DefaultSession, time.Hour)
	b.Fit(len(shares), time.Hour)
	loads := make([]float64, len(shares))
	for i := range shares {
		loads[i] = told[i] + shares[i]*w
		b.Tell(uint16(i), belief.Of(told[i]), start+int64(time.Hour), start)
	}
	b.Settle(loads, start, 0)
	b.Foretell(grid, shares, 1+tolerance)
	return b.Table()
}

// TestLongestTime compares with the formula for a constant background:
//
//	T = -tau ln(1 - (c(1+delta) - L)/m)
//
// unbounded if the headroom is at least m: what the key adds, its own part of
// the load L being there already.
func TestLongestTime(t *testing.T) {
	var grid []float64
	for s := 1.0; s <= 1500; s++ {
		grid = append(grid, s)
	}
	for _, c := range []struct {
		name       string
		share      float64 // of the first server, which is looked at
		told       float64 // to it
		w          float64 // the key's
		tolerance  float64
		part       float64 // that this server is to bear: w, or less of several answers
		want       string
		wantAround float64 // s, by the formula, as a check of the check; 0 for none
	}{
		{name: "at its share", share: 0.5, told: 0.4, w: 0.2, tolerance: 0.1, part: 0.2, want: "formula", wantAround: 208},
		{name: "idle", share: 0.5, told: 0.2, w: 0.2, tolerance: 0.1, part: 0.2, want: "for ever"},
		{name: "somewhat loaded", share: 0.3, told: 0.25, w: 0.1, tolerance: 0.02, part: 0.1, want: "formula"},
		{name: "a light key", share: 0.25, told: 0.2475, w: 0.01, tolerance: 0.02, part: 0.01, want: "formula"},
		{name: "a key so light that there is room for ever", share: 0.25, told: 0.2475, w: 0.01, tolerance: 0.05, part: 0.01, want: "for ever"},
		{name: "headroom just enough", share: 0.5, told: 0.4, w: 0.2, tolerance: 0.2 + 1e-9, part: 0.2, want: "for ever"},
		{name: "over its share", share: 0.3, told: 0.31, w: 0.2, tolerance: 0.05, part: 0.2, want: "never"},
		{name: "a heavy key", share: 0.2, told: 0.08, w: 0.6, tolerance: 0.1, part: 0.6, want: "formula"},
		{name: "a heavy key with two answers", share: 0.2, told: 0.08, w: 0.6, tolerance: 0.1, part: 0.3, want: "formula"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shares, told := []float64{c.share, 1 - c.share}, []float64{c.told, 1 - c.w - c.told}
			table := background(grid, shares, told, c.w, c.tolerance)
			got, _ := reach(table, 0, 0, c.part, c.w, 0)
			room, adds := c.share*(1+c.tolerance)-table.Loads[0], c.part-c.w*c.share
			formula := -300 * math.Log(1-room/adds)
			switch {
			case c.want == "for ever":
				if room < adds || got != 1500 {
					t.Errorf("%v s, want no bound (room %.3f for %.3f)", got, room, adds)
				}
			case c.want == "never":
				if room > 0 || got != 0 {
					t.Errorf("%v s, want none", got)
				}
			case got > formula+0.01 || got < formula-1.01:
				t.Errorf("%v s, want %.1f", got, formula)
			case c.wantAround > 0 && math.Abs(got-c.wantAround) > 1:
				t.Errorf("%v s, want about %v", got, c.wantAround)
			}
		})
	}
}

func TestLongestTimeBeginsAtTheFloor(t *testing.T) {
	// The load is too high now, and falls: for a resolver that keeps the answer
	// for long in any case, the time before its floor does not matter.
	grid, shares := []float64{30, 60, 120, 240}, []float64{0.5, 0.5}
	b := belief.New(DefaultSession, time.Hour)
	b.Fit(2, time.Hour)
	b.Settle([]float64{0.6, 0.4}, 1e12, 0)
	b.Foretell(grid, shares, 1.15)
	if got, _ := reach(b.Table(), 0, 0, 0.01, 0.01, 0); got != 0 {
		t.Errorf("from 30 s on: %v s, want none", got)
	}
	if got, _ := reach(b.Table(), 0, 0, 0.01, 0.01, 2); got != 240 {
		t.Errorf("from 120 s on: %v s, want 240", got)
	}
}

// TestLongestTimeKnowsWhatIsRecent: answers that were given since the table was
// made count.
func TestLongestTimeKnowsWhatIsRecent(t *testing.T) {
	grid, shares := []float64{30, 60, 120, 240, 480}, []float64{0.5, 0.5}
	table := background(grid, shares, []float64{0.4, 0.4}, 0.2, 0.1)
	last := math.Inf(1)
	for _, recent := range []float64{0, 0.1, 0.5} {
		got, _ := reach(table, 0, recent, 0.2, 0.2, 0)
		if got >= last {
			t.Errorf("with %v told just now: %v s, not less than %v", recent, got, last)
		}
		last = got
	}
}

func TestRanking(t *testing.T) {
	all := []ranked{
		{member: 0, longest: 60, load: 0.9}, {member: 1, longest: 600, load: 0.99}, {member: 2, longest: 60, load: 0.8},
		{member: 3, longest: 0, load: 1.5}, {member: 4, longest: 600, load: 0.7}, {member: 5, longest: 0, load: 1.2},
	}
	for _, c := range []struct {
		name string
		want []uint16
	}{
		{"the longest, of equals the least loaded", []uint16{4}},
		{"two", []uint16{4, 1}},
		{"four", []uint16{4, 1, 2, 0}},
		{"those without room by load", []uint16{4, 1, 2, 0, 5, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for shift := range all {
				var r ranking
				for i := range all {
					r.insert(all[(i+shift)%len(all)], len(c.want))
				}
				var got []uint16
				for _, b := range r.list[:r.n] {
					got = append(got, b.member)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("from %d on: %v, want %v", shift, got, c.want)
				}
			}
		})
	}
}

func TestGrid(t *testing.T) {
	for _, c := range []struct {
		name        string
		least, most time.Duration
		want        []float64
	}{
		{"usual", 30 * time.Second, 60 * time.Second, []float64{30, 36, 43, 52, 60}},
		{"whole seconds, each once", time.Second, 5 * time.Second, []float64{1, 2, 3, 4, 5}},
		{"one TTL", time.Minute, time.Minute, []float64{60}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newGrid(c.least, c.most)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	grid := newGrid(30*time.Second, 600*time.Second)
	if len(grid) > 20 {
		t.Errorf("%d TTLs are too many to reuse signatures", len(grid))
	}
	for _, c := range []struct{ seconds, want float64 }{{1000, 600}, {math.Inf(1), 600}, {43.2, 43}, {42.9, 36}, {0, 30}, {math.NaN(), 30}} {
		if got := quantised(grid, c.seconds); got != time.Duration(c.want)*time.Second {
			t.Errorf("%v s become %v, want %v s", c.seconds, got, c.want)
		}
	}
}
