package oracle

import (
	"strings"
	"time"
)

// gap is a time in which the process is not there on purpose, or not quite.
type gap struct{ from, to time.Duration }

// start is a start of the process, until it answered.
type start struct {
	gap
	blank bool // it knows no pool before Consul tells
	aged  bool // its pools are old by the clock
}

// Memory is what a process finds on disk of the one before.
type Memory struct {
	Since time.Duration // its pools are as they were known then, or later
	Aged  bool          // by the clock they are older than sources may be silent
}

// Down says that questions which are open from now on may be lost.
func (m *Model) Down(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gaps = append(m.gaps, gap{at, forever})
}

// Start says that a process is about to be started. It knows nothing.
func (m *Model) Start(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.starts = append(m.starts, start{gap: gap{at, forever}, blank: true})
}

// Resume says that a process is about to be started that finds the state of the
// one before. What that had found, and nobody has told it anew, stays as it was.
func (m *Model) Resume(at time.Duration, found Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := start{gap: gap{at, forever}, aged: found.Aged}
	if last := m.starts[len(m.starts)-1]; m.consul.blindness(last.from, at) != nil { // it has learned nothing
		next.blank, next.aged = last.blank, next.aged || last.aged
	}
	m.starts = append(m.starts, next)
	for _, s := range m.sights() {
		s.resume(found.Since)
	}
}

// Up says that the process answers.
func (m *Model) Up(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gaps[len(m.gaps)-1].to = at
	m.starts[len(m.starts)-1].to = at
	for _, s := range m.sights() {
		s.up(at)
	}
}

// sights are those of all sources.
func (m *Model) sights() []*sight {
	all := []*sight{m.consul}
	for _, s := range m.sources {
		if s.probed {
			all = append(all, s.sight)
		}
	}
	return all
}

// Excused tells whether a question may be lost: the process was away on purpose
// at some time while it was open.
func (m *Model) Excused(asked, until time.Duration) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, g := range m.gaps {
		if g.from <= until && asked <= g.to {
			return true
		}
	}
	return false
}

// startedSince tells whether a process was started at some time between the two.
func (m *Model) startedSince(from, to time.Duration) bool {
	for _, s := range m.starts {
		if s.from <= to && from <= s.to {
			return true
		}
	}
	return false
}

// blankSince tells the same of one that knew nothing.
func (m *Model) blankSince(from, to time.Duration) bool {
	for _, s := range m.starts {
		if s.blank && s.from <= to && from <= s.to {
			return true
		}
	}
	return false
}

// waiting tells whether the pool may not be known at all yet: the source was named
// for the first time, or a process started that found nothing on disk, when Consul
// was not in reach.
func (m *Model) waiting(lb *LB, a Asked) bool {
	src := m.sources[lb.Source]
	oldest := src.sight.oldest(a.Sent)
	return !src.probed && (!m.named(lb.Source, oldest, a.Received) || m.blankSince(oldest+src.sight.delay, a.Received))
}

// ignorant tells whether the pool cannot be known: the process found nothing on
// disk, and Consul was out of its sight all the time.
func (m *Model) ignorant(lb *LB, a Asked) bool {
	s := m.running(a)
	return s != nil && s.blank && !m.sources[lb.Source].probed && m.consul.blindness(s.from, a.Received) != nil
}

// doubted tells whether the process must know that nobody vouches for its pool: by
// what it is told when it asks, or by the pool's age.
func (m *Model) doubted(lb *LB, a Asked) bool {
	tr, s := m.consul.blindness(a.Sent, a.Received), m.running(a)
	if tr == nil || s == nil || m.sources[lb.Source].probed {
		return false
	}
	if s.aged && s.from >= tr.blind.from {
		return true
	}
	since := a.Sent - tr.notice
	return since >= max(tr.blind.from, s.to) && m.named(lb.Source, since, a.Received)
}

// running is the start of the process that was asked, or nil if that is not sure.
func (m *Model) running(a Asked) *start {
	for i := len(m.starts) - 1; i >= 0; i-- {
		if s := &m.starts[i]; s.from <= a.Received {
			if s.from > a.Sent {
				return nil
			}
			return s
		}
	}
	return nil
}

// Knows tells whether a process that starts now must know all pools.
func (m *Model) Knows(at time.Duration) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, n := range m.zones.latest().Names {
		if n.LB != nil && m.waiting(n.LB, Asked{Sent: at, Received: at}) {
			return false
		}
	}
	return true
}

// Resumed tells whether a question was about a pool from Consul that the process
// can only have had from the one before.
func (m *Model) Resumed(a Asked) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.running(a)
	if s == nil || s.blank || m.consul.blindness(s.from, a.Received) == nil {
		return false
	}
	z := m.zones.latest()
	p := z.find(strings.ToLower(a.Name))
	lb := p.parent
	if lb == nil {
		lb = p.steered(a.Type)
	}
	return lb != nil && strings.HasPrefix(lb.Source, "consul ")
}
