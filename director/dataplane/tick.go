package dataplane

import (
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"golang.org/x/sys/unix"
)

// Tick is the present time as the datapath counts it: 2^20 ns of
// CLOCK_MONOTONIC in 32 bits, which come round every 52 days. Ticks are
// compared by their difference only.
func Tick() uint32 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		// The clock cannot fail; see clock_gettime(2).
		panic(fmt.Sprintf("clock_gettime: %v", err))
	}
	return uint32(uint64(ts.Nano()) >> bpf.TickShift)
}

// Ticks turns a duration into ticks, rounded up so that a short one is not none,
// and bounded to half of the range that differences can tell.
func Ticks(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	const one = 1 << bpf.TickShift
	return uint32(min((uint64(d)+one-1)>>bpf.TickShift, 1<<31-1))
}

// Duration turns a difference of ticks into a duration.
func Duration(ticks uint32) time.Duration { return time.Duration(ticks) << bpf.TickShift }
