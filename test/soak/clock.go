package main

import "time"

// clock tells the time since the beginning, as the oracle counts it.
type clock struct{ start time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() time.Duration { return time.Since(c.start) }

// of is a time by the wall clock.
func (c clock) of(t time.Time) time.Duration { return t.Sub(c.start) }
