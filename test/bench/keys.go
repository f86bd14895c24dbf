package main

import (
	"fmt"
	"runtime"

	"github.com/ballast-lb/ballast/test/bench/figures"
)

// keyLimit is what an answer to a resolver that is known may cost at most, with
// as many others known.
const keyLimit = 2000 // ns

// keyRows are draws by the number of resolver keys that are known and ask in
// turn, on one core and on all at once, beside draws that look at no key.
func keyRows(one, all costs) (rows []figures.Row, err error) {
	for _, keys := range []int{1, 1000, 20_000} {
		for _, cores := range []struct {
			n     int
			costs costs
		}{{1, one}, {runtime.NumCPU(), all}} {
			row, err := keyRow(cores.costs, keys, cores.n)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func keyRow(c costs, keys, cores int) (figures.Row, error) {
	known, err := c.get(fmt.Sprintf("Keys/headroom/%d", keys))
	if err != nil {
		return figures.Row{}, err
	}
	drawn, err := c.get(fmt.Sprintf("Keys/weighted/%d", keys))
	if err != nil {
		return figures.Row{}, err
	}
	of, ratio := figures.Of(known.ns), figures.Of(figures.Ratios(known.ns, drawn.ns))
	row := figures.Row{Measure: "draw by key", Subject: fmt.Sprintf("headroom, %d keys, 7 members, cores: %d", keys, cores), Unit: "ns",
		Value: of, Against: fmt.Sprintf("weighted: %s ns", figures.Figure(figures.Of(drawn.ns).Median)), Ratio: &ratio,
		Note: fmt.Sprintf("%s; %s answers/s", allocations(known.allocs), figures.Figure(1e9/of.Median))}
	if cores == 1 {
		row.Goal = figures.AtMost("an answer", of.Median, keyLimit, "ns")
		row.Goal.Met = row.Goal.Met && known.allocs == 0
	}
	return row, nil
}
