package oracle

import (
	"math"
	"time"
)

// forever is when what is true now ends.
const forever = time.Duration(math.MaxInt64)

// line is what was true over time. Values overlap: one may be seen as soon as the
// change to it has begun, the one before until the change is done.
type line[T any] struct {
	spans   []span[T] // by time
	dropped int       // spans that were forgotten
}

type span[T any] struct {
	from, to time.Duration
	value    T
}

// begin says that from now on the value may be seen.
func (l *line[T]) begin(at time.Duration, value T) {
	l.spans = append(l.spans, span[T]{at, forever, value})
}

// done says that the latest value holds: the ones before it end.
func (l *line[T]) done(at time.Duration) {
	for i := len(l.spans) - 2; i >= 0 && l.spans[i].to == forever; i-- {
		l.spans[i].to = at
	}
}

// window is a stretch of a line: the spans first to last, by their number since
// the beginning.
type window struct{ first, last int }

// during is the part of the line that touches the time from one to another. It is
// a stretch, as both ends of the spans grow, and never empty: before the first
// value that one counts.
func (l *line[T]) during(from, to time.Duration) window {
	last := len(l.spans) - 1
	for last > 0 && l.spans[last].from > to {
		last--
	}
	first := last
	for first > 0 && l.spans[first-1].to >= from {
		first--
	}
	return window{first + l.dropped, last + l.dropped}
}

// in are the spans of a window, as far as they are remembered.
func (l *line[T]) in(w window) []span[T] {
	return l.spans[max(w.first-l.dropped, 0) : max(w.last-l.dropped, 0)+1]
}

// latest is the last value.
func (l *line[T]) latest() T { return l.spans[len(l.spans)-1].value }

// forget drops what ended before a time; the last span stays.
func (l *line[T]) forget(before time.Duration) {
	n := 0
	for n < len(l.spans)-1 && l.spans[n].to < before {
		n++
	}
	l.spans, l.dropped = append([]span[T](nil), l.spans[n:]...), l.dropped+n
}
