//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// diary is what clients note.
type diary struct {
	mu     sync.Mutex
	pages  []float64     // milliseconds, since the last take
	faults int           // since then
	hits   int           // since the last reset, as all below
	asked  time.Duration // of CPU, by them
	lags   []float64     // milliseconds
	kinds  map[string]int
	first  map[string]string // an example of each kind
}

func newDiary() *diary {
	d := &diary{}
	d.reset()
	return d
}

func (d *diary) page(took time.Duration, hits []time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hits += len(hits)
	for _, h := range hits {
		d.asked += h
	}
	d.pages = append(d.pages, milliseconds(took))
}

func (d *diary) late(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lags = append(d.lags, milliseconds(by))
}

func (d *diary) failed(what string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults++
	d.kinds[what]++
	if d.first[what] == "" {
		d.first[what] = fmt.Sprint(err)
	}
}

// take returns what was noted since the last time.
func (d *diary) take() (pages []float64, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pages, failed = d.pages, d.faults
	d.pages, d.faults = nil, 0
	return pages, failed
}

// reset forgets everything: the warm-up is over.
func (d *diary) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages, d.lags, d.faults = nil, nil, 0
	d.hits, d.asked = 0, 0
	d.kinds, d.first = map[string]int{}, map[string]string{}
}

// work is how many hits there were since the reset, and the CPU they asked for.
func (d *diary) work() (hits int, asked time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hits, d.asked
}

// err is nil if there were pages, and no failures, since the reset.
func (d *diary) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for kind, example := range d.first {
		return fmt.Errorf("%d failed by %s, such as: %s", d.kinds[kind], kind, example)
	}
	if d.hits == 0 {
		return errors.New("no page came")
	}
	return nil
}

// whole returns what was noted since the reset.
func (d *diary) whole() (lags []float64, kinds map[string]int, first map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lags, maps.Clone(d.kinds), maps.Clone(d.first)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
