package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The numbers of stalls.
const (
	beatEvery = 20 * time.Millisecond
	stallFrom = 400 * time.Millisecond // without a beat
)

// stalls are times in which even this process, which does nothing but wait for the
// beat, was not run: the machine stood still, or others had all of it. What nobody
// answered then says nothing of the name server.
type stalls struct {
	clock clock

	mu   sync.Mutex
	beat time.Duration // the last
	list []span
}

type span struct{ from, to time.Duration }

func newStalls(c clock) *stalls { return &stalls{clock: c, beat: c.now()} }

// watch beats until ctx ends. What was before is none of its business.
func (s *stalls) watch(ctx context.Context) {
	s.mu.Lock()
	s.beat = s.clock.now()
	s.mu.Unlock()
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		s.note()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// note is a beat, of whoever comes first after a stall.
func (s *stalls) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	if now-s.beat >= stallFrom {
		s.list = append(s.list, span{s.beat, now})
	}
	s.beat = now
}

// within tells whether there was a stall in a time that has passed.
func (s *stalls) within(from, to time.Duration) bool {
	s.note()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.list, func(stall span) bool { return stall.from < to && from < stall.to })
}

// longest is the longest; 0 if there was none.
func (s *stalls) longest() (d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stall := range s.list {
		d = max(d, stall.to-stall.from)
	}
	return d
}
