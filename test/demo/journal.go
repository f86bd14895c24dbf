package main

import (
	"slices"
	"sync"
	"time"
)

// event is something that happened besides what the numbers show.
type event struct {
	at   time.Time
	text string
}

// remembered is how many events are kept.
const remembered = 3

// journal collects events from wherever they happen.
type journal struct {
	wake chan struct{} // holds a token when there is something new

	mu  sync.Mutex
	new []event
	old []event // the last of those that were taken
}

func newJournal() *journal { return &journal{wake: make(chan struct{}, 1)} }

// happen notes an event of now.
func (j *journal) happen(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.new = append(j.new, event{time.Now(), text})
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// take returns the events since the last call, and the last ones of all.
func (j *journal) take() (fresh, last []event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fresh, j.new = j.new, nil
	j.old = append(j.old, fresh...)
	j.old = slices.Clone(j.old[max(0, len(j.old)-remembered):])
	return fresh, j.old
}
