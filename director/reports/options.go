package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"
)

// DefaultPort is where agents listen by default.
const DefaultPort = 9155

// Options may be left zero, each.
type Options struct {
	Port      uint16        // of the agents; 0 for DefaultPort
	Interval  time.Duration // between two questions to one agent, give or take a tenth; 0 for 1 s
	Timeout   time.Duration // of an answer, below Interval; 0 for half of Interval, at most 1 s
	TokenFile string        // holds the agents' bearer token, and is read again when it changes; empty for none
	Limit     int           // questions under way at once; 0 for 128

	// Dial connects to agents; nil for the system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Log    *slog.Logger   // changes of state; nil discards
	Random func() float64 // uniform in [0, 1), for several goroutines; nil for the runtime's
}

// The least interval, the longest back-off, and how often unchanged loads are
// published for their times.
const (
	minInterval = 100 * time.Millisecond
	maxBackoff  = 30 * time.Second
	refresh     = 10 * time.Second
)

func (o Options) complete() (Options, error) {
	o.Port = cmp.Or(o.Port, DefaultPort)
	o.Interval = cmp.Or(o.Interval, time.Second)
	o.Timeout = cmp.Or(o.Timeout, min(o.Interval/2, time.Second))
	o.Limit = cmp.Or(o.Limit, 128)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	switch {
	case o.Interval < minInterval:
		return o, fmt.Errorf("interval %v is shorter than %v", o.Interval, minInterval)
	case o.Timeout < 0 || o.Timeout >= o.Interval:
		return o, fmt.Errorf("timeout %v is not above 0 and below the interval of %v", o.Timeout, o.Interval)
	case o.Limit < 0:
		return o, errors.New("limit must not be negative")
	}
	return o, nil
}

// hold is for how long an agent's last word stands against a newer one of the
// source. Meta may lag that much behind.
func (o *Options) hold() time.Duration { return max(3*o.Interval, 10*time.Second) }
