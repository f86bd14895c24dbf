package main

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// cpuTime is how long a process and those that it started were on a processor.
func cpuTime(pid int) (time.Duration, error) {
	total, err := ownTime(pid)
	if err != nil {
		return 0, err
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil && stat.PPID == pid { // else it ended meanwhile
			if more, err := cpuTime(p.PID); err == nil {
				total += more
			}
		}
	}
	return total, nil
}

// ownTime is that of all threads of a process, in user mode and in the kernel.
// /proc/PID/stat says the same in steps of 10 ms.
func ownTime(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3): the complement of the process ID, and CPUCLOCK_SCHED.
	clock := int32(^pid<<3 | 2)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// peakMemory is the most resident memory that a process had, in MiB.
func peakMemory(pid int) (float64, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	status, err := p.NewStatus()
	return float64(status.VmHWM) / (1 << 20), err
}
