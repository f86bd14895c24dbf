package load

// runQueue is the number of runnable tasks per core: those on a CPU and those
// that wait for one. The kernel counts the thread that reads the number, which
// is this program's and no load of the service, so one is taken off.
func runQueue(running uint64, cores int) float64 {
	if running == 0 {
		return 0
	}
	return float64(running-1) / float64(cores)
}
