package probe

import (
	"context"
	"time"
)

// Options say how often to ask, and how many answers decide.
type Options struct {
	Every   time.Duration // from one check of an address to its next; default 2s
	Timeout time.Duration // of one check; default 1s, at most Every
	Rise    int           // successes in a row that bring a server up; default 2
	Fall    int           // failures in a row that take it down; default 3

	// Jitter is the share by which each interval is longer or shorter, drawn
	// anew each time so that several name servers do not ask in step. 0 is the
	// default of 0.1, a negative number is none, 0.5 the most.
	Jitter float64

	// Limit is how many checks may run at the same time. The default is as
	// many as there would be if all of them timed out, within 256 and 4096.
	Limit int

	// Slots, if not nil, are shared by sources: each check holds one while it
	// runs, so that many sources together do not use up the file descriptors.
	Slots chan struct{}
}

// enter waits for a slot. It fails when ctx ends.
func (o Options) enter(ctx context.Context) bool {
	if o.Slots == nil {
		return true
	}
	select {
	case o.Slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (o Options) leave() {
	if o.Slots != nil {
		<-o.Slots
	}
}

func (o Options) withDefaults(addresses int) Options {
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	o.Timeout = min(o.Timeout, o.Every)
	if o.Rise <= 0 {
		o.Rise = 2
	}
	if o.Fall <= 0 {
		o.Fall = 3
	}
	if o.Jitter == 0 {
		o.Jitter = 0.1
	}
	o.Jitter = max(0, min(o.Jitter, 0.5))
	if o.Limit <= 0 {
		all := float64(addresses) * float64(o.Timeout) / float64(o.Every)
		o.Limit = max(256, min(int(all), 4096))
	}
	o.Limit = max(1, min(o.Limit, addresses)) // an address is never asked twice at a time
	return o
}

// interval is the time to the next check; r is uniform in [0, 1).
func (o Options) interval(r float64) time.Duration {
	return time.Duration(float64(o.Every) * (1 + o.Jitter*(2*r-1)))
}

// phase is the time from an address's first check, which all have at once, to
// its second: from there on the checks of n addresses are spread evenly.
func (o Options) phase(i, n int, r float64) time.Duration {
	return time.Duration(float64(o.interval(r)) * float64(i+1) / float64(n))
}
