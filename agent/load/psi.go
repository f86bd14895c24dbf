package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// psiReader reads the kernel's pressure stall information for CPU
// (Documentation/accounting/psi.rst).
type psiReader struct {
	fs   procfs.FS
	last *psiReading
}

type psiReading struct {
	total uint64 // microseconds in which some task waited
	at    time.Time
}

func (r *psiReader) read(_ context.Context, at time.Time, s *Sample) error {
	stats, err := r.fs.PSIStatsForResource("cpu")
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EOPNOTSUPP):
		return nil // not built in, or switched off by psi=0
	case err != nil:
		return fmt.Errorf("read pressure/cpu: %w", err)
	case stats.Some == nil:
		return nil
	}
	now := psiReading{stats.Some.Total, at}
	if r.last != nil {
		if share, ok := stallShare(*r.last, now); ok {
			s.PSI = &share
		}
	}
	r.last = &now
	return nil
}

// stallShare is the share of the time between two readings in which some task
// waited for a CPU, 0..1. It is unknown if no time went by or the counter was
// set back.
func stallShare(before, after psiReading) (share float64, ok bool) {
	elapsed := after.at.Sub(before.at).Microseconds()
	if elapsed <= 0 || after.total < before.total {
		return 0, false
	}
	return min(1, float64(after.total-before.total)/float64(elapsed)), true
}
