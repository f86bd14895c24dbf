package agent

import (
	"log/slog"

	"github.com/ballast-lb/ballast/agent/load"
)

// sampleLog logs when a measurement starts to fail and when it works again,
// not each failure.
type sampleLog struct {
	log     *slog.Logger
	failing map[string]bool
}

func newSampleLog(log *slog.Logger) *sampleLog {
	return &sampleLog{log, map[string]bool{}}
}

func (l *sampleLog) tell(troubles load.Troubles) {
	for _, name := range load.Signals() {
		err := troubles[name]
		switch {
		case err != nil && !l.failing[name]:
			l.log.Warn("a measurement fails", "signal", name, "error", err)
		case err == nil && l.failing[name]:
			l.log.Info("a measurement works again", "signal", name)
		}
		l.failing[name] = err != nil
	}
}
