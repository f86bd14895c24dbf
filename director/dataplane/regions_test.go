package dataplane

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRegions(t *testing.T) {
	type step struct {
		do    string
		off   uint32 // claim, release, cancel
		n     uint32
		after time.Duration
		want  string // alloc: the offset, or why there is none
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"first fit", []step{
			{do: "alloc", n: 4, want: "0"}, {do: "alloc", n: 4, want: "4"}, {do: "alloc", n: 9, want: "full"}, {do: "alloc", n: 8, want: "8"}}},
		{"nothing takes no room", []step{{do: "alloc", n: 16, want: "0"}, {do: "alloc", n: 0, want: "0"}}},
		{"what was released rests", []step{
			{do: "alloc", n: 16, want: "0"}, {do: "release", off: 0, n: 16}, {do: "alloc", n: 1, want: "wait"},
			{do: "alloc", n: 1, after: grace - 1, want: "wait"}, {do: "alloc", n: 16, after: grace, want: "0"}}},
		{"what was never seen does not", []step{
			{do: "alloc", n: 16, want: "0"}, {do: "cancel", off: 0, n: 16}, {do: "alloc", n: 16, want: "0"}}},
		{"gaps are used", []step{
			{do: "claim", off: 2, n: 2}, {do: "claim", off: 6, n: 10}, {do: "alloc", n: 2, want: "0"}, {do: "alloc", n: 2, want: "4"}, {do: "alloc", n: 1, want: "full"}}},
		{"claims must be free and within", []step{
			{do: "claim", off: 4, n: 4}, {do: "refused", off: 7, n: 1}, {do: "refused", off: 2, n: 3}, {do: "refused", off: 15, n: 2},
			{do: "refused", off: 0, n: 1<<32 - 1}, {do: "refused", off: 1<<32 - 1, n: 2}, {do: "claim", off: 8, n: 8}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRegions(16)
			for i, s := range c.steps {
				span := bpf.Span{Off: s.off, Len: s.n}
				switch s.do {
				case "alloc":
					if got := allocated(r, s.n, epoch.Add(s.after)); got != s.want {
						t.Errorf("step %d: %s, want %s", i, got, s.want)
					}
				case "claim", "refused":
					if ok := r.claim(span); ok != (s.do == "claim") {
						t.Errorf("step %d: claim %v: %v", i, span, ok)
					}
				case "release":
					r.release(span, epoch)
				case "cancel":
					r.cancel(span)
				}
			}
		})
	}
}

func allocated(r *regions, n uint32, now time.Time) string {
	s, wait, ok := r.alloc(n, now)
	switch {
	case ok:
		return string(rune('0' + s.Off)) // one digit is enough for these
	case wait > 0:
		return "wait"
	}
	return "full"
}

// FuzzRegions compares with a map of every slot.
func FuzzRegions(f *testing.F) {
	f.Add([]byte{8, 8, 0x80, 16, 0x81, 3, 0xc0, 8})
	f.Fuzz(func(t *testing.T, ops []byte) {
		const size = 64
		r, now := newRegions(size), epoch
		var free [size]time.Time // when each slot is free again
		forever := epoch.Add(time.Hour)
		var held []bpf.Span
		for _, op := range ops {
			switch n := int(op & 0x3f); op >> 6 {
			case 0, 1:
				s, wait, ok := r.alloc(uint32(n), now)
				if n == 0 {
					continue
				}
				if ok {
					for i := s.Off; i < s.Off+s.Len; i++ {
						if now.Before(free[i]) {
							t.Fatalf("slot %d handed out %v too early", i, free[i].Sub(now))
						}
						free[i] = forever
					}
					held = append(held, s)
				} else if run(free[:], n, now) {
					t.Fatalf("no %d slots (wait %v), though free", n, wait)
				} else if (wait > 0) != run(free[:], n, now.Add(grace)) {
					t.Fatalf("wait %v for %d slots", wait, n)
				}
			case 2:
				if len(held) == 0 {
					continue
				}
				i := n % len(held)
				r.release(held[i], now)
				for at := held[i].Off; at < held[i].Off+held[i].Len; at++ {
					free[at] = now.Add(grace)
				}
				held = append(held[:i], held[i+1:]...)
			case 3:
				now = now.Add(time.Duration(n) * time.Millisecond / 2)
			}
		}
	})
}

// run tells whether n slots in a row are free.
func run(free []time.Time, n int, now time.Time) bool {
	length := 0
	for _, at := range free {
		if length++; now.Before(at) {
			length = 0
		}
		if length == n {
			return true
		}
	}
	return false
}
