package ballast

import (
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

var (
	stateFailing = gauge("state_failing", "1 while what is known cannot be written to disk for the next process.", "dir")
	stateAge     = gauge("state_age_seconds", "Time since servers and health were as on disk.", "dir")
	stateBytes   = gauge("state_bytes", "Size of the pools as last written.", "dir")
	stateWrites  = counter("state_writes_total", "Counter of files written for the next process, by result.", "dir", "result")
)

func showState(status control.StateStatus, now time.Time) {
	failing := 0.0
	if status.Err != "" {
		failing = 1
	}
	stateFailing.WithLabelValues(status.Dir).Set(failing)
	stateBytes.WithLabelValues(status.Dir).Set(float64(status.Size))
	if !status.Current.IsZero() {
		stateAge.WithLabelValues(status.Dir).Set(now.Sub(status.Current).Seconds())
	}
}

func countWrite(dir string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	stateWrites.WithLabelValues(dir, result).Inc()
}

func forgetState(dir string) {
	stateFailing.DeleteLabelValues(dir)
	stateAge.DeleteLabelValues(dir)
	stateBytes.DeleteLabelValues(dir)
	stateWrites.DeleteLabelValues(dir, "ok")
	stateWrites.DeleteLabelValues(dir, "error")
}
