package agent

import (
	"context"
	"errors"
	"os"
	"time"
)

// ErrUnable is wrapped by a Config.Check that could not be made, for trouble on
// this side such as too many open files. It says nothing about the service.
var ErrUnable = errors.New("cannot check the service")

// notChecked is why a server whose own check has not answered yet is critical.
const notChecked = "not checked yet"

// checkLoop asks the service's own check every Interval.
func (a *agent) checkLoop(ctx context.Context) {
	ticker := time.NewTicker(a.cfg.Interval)
	defer ticker.Stop()
	var v verdict
	for {
		err := a.checkOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, ErrUnable) {
			before := v.failing()
			v = v.next(err)
			a.verdict.Store(&v)
			if after := v.failing(); (before == "") != (after == "") {
				a.cfg.Log.Info("the service's check changed", "failing", after)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (a *agent) checkOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(a.cfg.Interval, 5*time.Second))
	defer cancel()
	return a.cfg.Check(ctx)
}

// failing is why the service's own check fails; empty if it does not, or if
// there is none.
func (a *agent) failing() string {
	if a.cfg.Check == nil {
		return ""
	}
	v := a.verdict.Load()
	if v == nil {
		return notChecked
	}
	return v.failing()
}

// exists tells whether the drain file is there. Anything but a clear "no such
// file" leaves the server in service.
func exists(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Lstat(path)
	return err == nil
}
