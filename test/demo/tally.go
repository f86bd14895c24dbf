package main

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// window is how many answers the shares are counted over, and enough how many
// there must be before a share is worth showing.
const (
	window = 200
	enough = 20
)

// answer is what a client saw of one response.
type answer struct {
	addrs []netip.Addr // in order; clients try the first first
	ttl   time.Duration
}

// tally remembers the last answers. The share of a server is how often it was
// the first in them: that is what its weight promises, whereas with two
// addresses in an answer nobody can be in more than half of all.
type tally struct {
	mu     sync.Mutex
	firsts []netip.Addr // a ring once it is full
	next   int
	seen   map[netip.Addr]time.Time // when each was last in an answer, first or not
	last   answer
	err    error // of the last question; nil if it was answered
}

func (t *tally) add(a answer, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.err = a, nil
	if t.seen == nil {
		t.seen = map[netip.Addr]time.Time{}
	}
	for _, addr := range a.addrs {
		t.seen[addr] = now
	}
	if len(a.addrs) == 0 {
		return
	}
	if len(t.firsts) < window {
		t.firsts = append(t.firsts, a.addrs[0])
		return
	}
	t.firsts[t.next] = a.addrs[0]
	t.next = (t.next + 1) % window
}

func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// counts is a tally at one moment.
type counts struct {
	first map[netip.Addr]int
	seen  map[netip.Addr]time.Time
	total int
	last  answer
	err   error
}

func (t *tally) counts() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := counts{first: map[netip.Addr]int{}, seen: maps.Clone(t.seen), total: len(t.firsts), last: t.last, err: t.err}
	for _, a := range t.firsts {
		c.first[a]++
	}
	return c
}

// share is the part of the answers that named a first, 0 to 1.
func (c counts) share(a netip.Addr) float64 {
	if c.total == 0 {
		return 0
	}
	return float64(c.first[a]) / float64(c.total)
}
