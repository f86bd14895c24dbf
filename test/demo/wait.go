package main

import (
	"context"
	"fmt"
	"time"
)

const (
	waitPoll     = 100 * time.Millisecond
	waitProgress = 2 * time.Second
	waitLimit    = 60 * time.Second
)

// wait asks until a program that was just started is ready, and says so when
// that takes long. The error tells why it is not, with the end of its log.
func (d *demo) wait(ctx context.Context, p *program, ready func(context.Context) error) error {
	begun := time.Now()
	ticker := time.NewTicker(waitPoll)
	defer ticker.Stop()
	for said := begun; ; {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		now := time.Now()
		switch waited := now.Sub(begun); {
		case !p.running():
			return fmt.Errorf("%s ended before it was ready; the end of %s:\n%s", p.name, p.log, p.tail(12))
		case waited > waitLimit:
			return fmt.Errorf("%s is not ready after %v: %w; the end of %s:\n%s", p.name, waitLimit, err, p.log, p.tail(12))
		case now.Sub(said) >= waitProgress:
			d.display.say(fmt.Sprintf("waiting for %s ... %.0f s", p.name, waited.Seconds()))
			said = now
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
