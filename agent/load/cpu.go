package load

import "github.com/prometheus/procfs"

// busyShare is the share of all cores' time between two readings that was not
// idle, 0..1. It is unknown if no time went by, as when the counters were set
// back. Waiting for a disk is idle here; stolen time is busy, since the
// service cannot have it.
func busyShare(before, after procfs.CPUStat) (share float64, ok bool) {
	total := spent(after) - spent(before)
	if total <= 0 {
		return 0, false
	}
	// iowait may run backwards (proc(5)), so idle time may look negative or
	// longer than the whole.
	unused := min(max(0, idle(after)-idle(before)), total)
	return 1 - unused/total, true
}

func idle(c procfs.CPUStat) float64 { return c.Idle + c.Iowait }

// spent leaves the guests' time out: the kernel counts it in user and nice.
func spent(c procfs.CPUStat) float64 {
	return c.User + c.Nice + c.System + c.Idle + c.Iowait + c.IRQ + c.SoftIRQ + c.Steal
}
