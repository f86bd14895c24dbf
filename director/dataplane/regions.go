package dataplane

import (
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
)

// grace is how long the datapath may go on reading a table after its span was
// replaced: much longer than a packet takes.
const grace = 10 * time.Millisecond

// regions hands out parts of the map slots. A part that was released rests for
// the grace before it is handed out again.
type regions struct {
	size uint32
	busy []resting // sorted by offset, no overlaps, no empty ones
}

type resting struct {
	bpf.Span
	until time.Time // zero: in use
}

func newRegions(size uint32) *regions { return &regions{size: size} }

// claim marks a span as in use; false if it is not free.
func (r *regions) claim(s bpf.Span) bool {
	if s.Len == 0 {
		return true
	}
	if s.Off >= r.size || s.Len > r.size-s.Off {
		return false
	}
	i, _ := slices.BinarySearchFunc(r.busy, s.Off, byOffset)
	if i > 0 && r.busy[i-1].Off+r.busy[i-1].Len > s.Off {
		return false
	}
	if i < len(r.busy) && r.busy[i].Off < s.Off+s.Len {
		return false
	}
	r.busy = slices.Insert(r.busy, i, resting{Span: s})
	return true
}

// alloc takes the first free span of n slots. If there is none now, wait tells
// after how long one may be, or 0 if what rests is not enough either.
func (r *regions) alloc(n uint32, now time.Time) (s bpf.Span, wait time.Duration, ok bool) {
	if n == 0 {
		return bpf.Span{}, 0, true
	}
	r.busy = slices.DeleteFunc(r.busy, func(b resting) bool { return !b.until.IsZero() && !now.Before(b.until) })
	if off, ok := fit(r.busy, n, r.size); ok {
		s = bpf.Span{Off: off, Len: n}
		r.claim(s)
		return s, 0, true
	}
	inUse := slices.DeleteFunc(slices.Clone(r.busy), func(b resting) bool { return !b.until.IsZero() })
	if _, later := fit(inUse, n, r.size); later {
		return bpf.Span{}, grace, false
	}
	return bpf.Span{}, 0, false
}

// fit finds the first gap of n slots.
func fit(busy []resting, n, size uint32) (off uint32, ok bool) {
	for _, b := range busy {
		if b.Off-off >= n {
			return off, true
		}
		off = b.Off + b.Len
	}
	return off, size-off >= n
}

// release gives a span back, to be used again after the grace.
func (r *regions) release(s bpf.Span, now time.Time) {
	if i, found := slices.BinarySearchFunc(r.busy, s.Off, byOffset); found && s.Len > 0 {
		r.busy[i].until = now.Add(grace)
	}
}

// cancel gives a span back that the datapath has never seen.
func (r *regions) cancel(s bpf.Span) {
	if i, found := slices.BinarySearchFunc(r.busy, s.Off, byOffset); found && s.Len > 0 {
		r.busy = slices.Delete(r.busy, i, i+1)
	}
}

func byOffset(b resting, off uint32) int {
	switch {
	case b.Off < off:
		return -1
	case b.Off > off:
		return 1
	}
	return 0
}
