package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStalls(newClock())
		for range 100 { // two seconds of beats
			time.Sleep(beatEvery)
			s.note()
		}
		if s.within(0, s.clock.now()) {
			t.Error("a stall in a time of beats")
		}
		time.Sleep(2 * time.Second)
		for _, c := range []struct {
			name     string
			from, to time.Duration
			want     bool
		}{
			{"a question within it", 2500 * time.Millisecond, 3 * time.Second, true},
			{"one that began before", time.Second, 2100 * time.Millisecond, true},
			{"one that was over", time.Second, 1900 * time.Millisecond, false},
		} {
			if got := s.within(c.from, c.to); got != c.want {
				t.Errorf("%s: %v", c.name, got)
			}
		}
		time.Sleep(beatEvery)
		if s.within(4001*time.Millisecond, s.clock.now()) {
			t.Error("the stall goes on")
		}
		if d := s.longest(); d != 2*time.Second {
			t.Errorf("the longest was %v", d)
		}
	})
}

// TestStallsBeginWithTheWatch: until it is begun nobody beats.
func TestStallsBeginWithTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStalls(newClock())
		time.Sleep(5 * time.Second) // servers are started
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.watch(ctx)
		if d := s.longest(); d != 0 {
			t.Errorf("a stall of %v", d)
		}
	})
}
