package load

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// statReader reads /proc/stat once for both of its measurements.
type statReader struct {
	fs   procfs.FS
	last *procfs.CPUStat
}

func (r *statReader) read(_ context.Context, _ time.Time, s *Sample) error {
	stat, err := r.fs.Stat()
	if err != nil {
		return fmt.Errorf("read stat: %w", err)
	}
	s.Cores = len(stat.CPU)
	if s.Cores > 0 {
		s.RunQueue = new(runQueue(stat.ProcessesRunning, s.Cores))
	}
	if r.last != nil {
		if share, ok := busyShare(*r.last, stat.CPUTotal); ok {
			s.CPU = &share
		}
	}
	r.last = &stat.CPUTotal
	return nil
}
