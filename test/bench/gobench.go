package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// cost is what the runs of one Go benchmark gave.
type cost struct {
	ns     []float64 // of each run
	allocs int64     // the most of any run
}

// costs are benchmarks by name, without the word Benchmark.
type costs map[string]*cost

// get returns a benchmark's cost, or an error that names what is missing.
func (c costs) get(name string) (*cost, error) {
	if found := c[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("there is no Benchmark%s in %s: its bench_test.go and this program do not fit together", name, pluginPackage)
}

// procs is the number of processors at the end of a benchmark's name.
var procs = regexp.MustCompile(`-\d+$`)

// read adds the results of one run, in the format of
// golang.org/design/14313-benchmark-format; other lines are skipped.
func (c costs) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, ok := strings.CutPrefix(lines.Text(), "Benchmark")
		fields := strings.Fields(name)
		if !ok || len(fields) < 4 {
			continue
		}
		name = procs.ReplaceAllString(fields[0], "")
		if c[name] == nil {
			c[name] = &cost{}
		}
		if err := c[name].add(fields[2:]); err != nil {
			return fmt.Errorf("benchmark result %q: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

// add reads pairs of a value and its unit.
func (c *cost) add(pairs []string) error {
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		value, err := strconv.ParseFloat(pairs[0], 64)
		if err != nil {
			return err
		}
		switch pairs[1] {
		case "ns/op":
			c.ns = append(c.ns, value)
		case "allocs/op":
			c.allocs = max(c.allocs, int64(value))
		}
	}
	return nil
}
