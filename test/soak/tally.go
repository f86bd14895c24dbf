package main

import (
	"maps"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// tally counts questions and answers.
type tally struct {
	asked     atomic.Int64
	checked   atomic.Int64 // answers that were judged
	truncated atomic.Int64
	resumed   atomic.Int64 // from pools that only the state directory can have told
	lost      atomic.Int64 // not excused
	excused   atomic.Int64 // lost while the process was away on purpose
	stalled   atomic.Int64 // lost while the machine stood still
	cut       atomic.Int64 // asked again, as the server had closed the connection
	strays    atomic.Int64 // answers to no question, or too late
	held      atomic.Int64 // not sent, as too many were open
	delays    [32]atomic.Int64

	mu     sync.Mutex
	wrongs map[oracle.Kind]int64
}

// answered notes how long an answer took, by powers of two of microseconds.
func (t *tally) answered(took time.Duration) {
	t.delays[min(bits.Len64(uint64(took.Microseconds())), len(t.delays)-1)].Add(1)
}

// within is a bound below which the given part of all answers took.
func (t *tally) within(part float64) time.Duration {
	var all, sum int64
	for i := range t.delays {
		all += t.delays[i].Load()
	}
	for i := range t.delays {
		if sum += t.delays[i].Load(); float64(sum) >= part*float64(all) {
			return time.Duration(1<<i) * time.Microsecond
		}
	}
	return 0
}

func (t *tally) wrong(k oracle.Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrongs == nil {
		t.wrongs = map[oracle.Kind]int64{}
	}
	t.wrongs[k]++
}

// wrongKinds are the violations by kind, and their sum.
func (t *tally) wrongKinds() (kinds map[oracle.Kind]int64, sum int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.wrongs {
		sum += n
	}
	return maps.Clone(t.wrongs), sum
}
