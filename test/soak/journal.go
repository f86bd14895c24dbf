package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// journal remembers what was done: how often each kind, and the last in words.
type journal struct {
	clock clock

	mu         sync.Mutex
	operations map[string]int
	faults     map[string]int
	recent     []entry // the oldest first
	open       map[int]entry
	next       int
}

// entry is one operation or fault.
type entry struct {
	from, to time.Duration // to is 0 while it lasts
	what     string
}

func (e entry) String() string {
	if e.to == 0 {
		return fmt.Sprintf("%s %s, not ended", stamp(e.from), e.what)
	}
	return fmt.Sprintf("%s %s, %v", stamp(e.from), e.what, (e.to - e.from).Round(time.Millisecond))
}

// recentLimit is how many of the last operations a report shows, and detailLimit
// how much of each.
const (
	recentLimit = 12
	detailLimit = 160
)

func newJournal(c clock) *journal {
	return &journal{clock: c, operations: map[string]int{}, faults: map[string]int{}, open: map[int]entry{}}
}

// begin notes that something begins, and returns what notes its end.
func (j *journal) begin(fault bool, kind, detail string) (end func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if fault {
		j.faults[kind]++
	} else {
		j.operations[kind]++
	}
	n := j.next
	j.next++
	what := kind + " " + detail
	if len(what) > detailLimit {
		what = what[:detailLimit] + "..."
	}
	j.open[n] = entry{from: j.clock.now(), what: what}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		e := j.open[n]
		e.to = j.clock.now()
		delete(j.open, n)
		j.recent = append(j.recent[max(0, len(j.recent)-recentLimit+1):], e)
	}
}

// last are the latest operations, and those that are under way.
func (j *journal) last() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := slices.Clone(j.recent)
	for _, e := range j.open {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return int(a.from - b.from) })
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = e.String()
	}
	return lines
}

// counts are how often each kind of operation and fault was.
func (j *journal) counts() (operations, faults map[string]int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	operations, faults = map[string]int{}, map[string]int{}
	for k, n := range j.operations {
		operations[k] = n
	}
	for k, n := range j.faults {
		faults[k] = n
	}
	return operations, faults
}

func stamp(t time.Duration) string {
	return fmt.Sprintf("%02d:%06.3f", int(t.Minutes()), (t % time.Minute).Seconds())
}
