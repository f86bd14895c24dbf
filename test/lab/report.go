//go:build linux

package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what became of a load's connections, in the order they began.
type Report []Attempt

// Between is the part that began within [from, to) of the load.
func (r Report) Between(from, to time.Duration) Report {
	return r.filter(func(a Attempt) bool { return a.At >= from && a.At < to })
}

// Failed is the part that failed.
func (r Report) Failed() Report {
	return r.filter(func(a Attempt) bool { return a.Err != nil })
}

func (r Report) filter(keep func(Attempt) bool) (part Report) {
	for _, a := range r {
		if keep(a) {
			part = append(part, a)
		}
	}
	return part
}

// Faults counts the failures by kind.
func (r Report) Faults() map[Fault]int {
	counts := map[Fault]int{}
	for _, a := range r.Failed() {
		counts[a.Fault]++
	}
	return counts
}

// Servers counts the connections that were answered, by server.
func (r Report) Servers() map[string]int {
	counts := map[string]int{}
	for _, a := range r {
		if a.Server != "" {
			counts[a.Server]++
		}
	}
	return counts
}

// Percentile is the time until connected that the share p, 0 to 1, of the
// connections that opened kept within; 0 if there were none.
func (r Report) Percentile(p float64) time.Duration {
	var times []time.Duration
	for _, a := range r {
		if a.Connect > 0 {
			times = append(times, a.Connect)
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(p*float64(len(times))))]
}

// Slowest is the longest time until connected.
func (r Report) Slowest() time.Duration { return r.Percentile(1) }

// String is the summary, one line for each thing counted.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d connections, %d failed", len(r), len(r.Failed()))
	writeFaults(&b, r.Faults())
	ms := milliseconds
	fmt.Fprintf(&b, "\nconnected after %.2f ms (median), %.2f (99 %%), %.2f (slowest)\n",
		ms(r.Percentile(0.5)), ms(r.Percentile(0.99)), ms(r.Slowest()))
	writeServers(&b, r.Servers())
	return b.String()
}

func writeFaults(b *strings.Builder, faults map[Fault]int) {
	for _, f := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(b, ", %d %s", faults[f], f)
	}
}

func writeServers(b *strings.Builder, servers map[string]int) {
	for _, s := range slices.Sorted(maps.Keys(servers)) {
		fmt.Fprintf(b, "%-8s %d\n", s, servers[s])
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
