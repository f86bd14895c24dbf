package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
)

// Sampler measures: *load.Sampler.
type Sampler interface {
	Sample(ctx context.Context, at time.Time) (load.Sample, load.Troubles)
}

// Leave says what becomes of the service in Consul when the agent stops.
type Leave string

// The ways to leave.
const (
	LeaveRemove   Leave = "remove"   // deregister the service; of a decorated one, take back check and Meta
	LeaveCritical Leave = "critical" // leave the check critical until an agent speaks for the service again
	LeaveKeep     Leave = "keep"     // say nothing: the next agent has the check's TTL to take over
)

// Config is all that Run needs. Zero durations and numbers take the defaults
// that DefaultConfig shows.
type Config struct {
	// Service is what to register. Of a decorated service only TTL is used.
	Service  consul.Registration
	Decorate string   // ID of a service that somebody else registered, instead of registering one
	Registry Registry // nil: Consul is told nothing
	Leave    Leave    // empty: LeaveRemove, or LeaveCritical for a decorated service
	Drain    time.Duration

	Sampler        Sampler
	Interval       time.Duration // between samples
	TimeConstant   time.Duration // of the averages
	MaxConnections int           // connections that are a load of 1; 0: they do not count
	Limits         pace.Limits
	PublishEvery   time.Duration // between writes of Meta, on average at least

	DrainFile string                      // while it exists, the service is drained; empty for none
	Check     func(context.Context) error // the service's own check, may wrap ErrUnable; nil for none
	Boot      func() string               // the boot id now

	Listen        string // of the HTTP listener; empty for none
	HAProxyListen string // of the HAProxy agent-check listener; empty for none
	Token         string // bearer token of the HTTP listener; empty for none
	Insecure      bool   // the HTTP listener may be reached from elsewhere without a token

	Version string
	Log     *slog.Logger   // nil discards
	Random  func() float64 // uniform in [0, 1), from one goroutine; nil for the runtime's
}

// DefaultConfig holds the defaults.
func DefaultConfig() Config {
	return Config{
		Service:      consul.Registration{TTL: 10 * time.Second, DeregisterAfter: 24 * time.Hour},
		Drain:        time.Second,
		Interval:     2 * time.Second,
		TimeConstant: 16 * time.Second,
		Limits:       pace.Limits{High: 0.90, Low: 0.75},
		PublishEvery: 10 * time.Second,
		Listen:       "127.0.0.1:9155",
	}
}

// loadStep is the step of the load in Meta; refresh, how often Meta is put
// right without a change. Equal data costs Consul no write.
const (
	loadStep = 0.05
	refresh  = 10 * time.Minute
)

func (c *Config) complete() error {
	d := DefaultConfig()
	setDefault(&c.Service.TTL, d.Service.TTL)
	setDefault(&c.Interval, d.Interval)
	setDefault(&c.TimeConstant, d.TimeConstant)
	setDefault(&c.PublishEvery, d.PublishEvery)
	setDefault(&c.Limits, d.Limits)
	if c.Decorate != "" {
		c.Service.ID = c.Decorate
		setDefault(&c.Leave, LeaveCritical)
	}
	setDefault(&c.Service.ID, c.Service.Name)
	setDefault(&c.Leave, LeaveRemove)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.Boot == nil {
		c.Boot = Boot("/", "", time.Now())
	}
	return c.validate()
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c *Config) validate() error {
	switch {
	case c.Sampler == nil:
		return errors.New("no sampler: nothing would be measured")
	case c.Registry != nil && c.Service.ID == "":
		return errors.New("no service: give its name, or the ID of the one to decorate")
	case c.Interval <= 0 || c.PublishEvery <= 0 || c.TimeConstant < 0 || c.Drain < 0:
		return fmt.Errorf("interval %v and publish-every %v must be above 0, time constant %v and drain %v not below",
			c.Interval, c.PublishEvery, c.TimeConstant, c.Drain)
	case c.Service.TTL < time.Second:
		return fmt.Errorf("ttl %v is shorter than the second that Consul wants at least", c.Service.TTL)
	case c.Service.DeregisterAfter != 0 && c.Service.DeregisterAfter < time.Minute:
		return fmt.Errorf("deregister-after %v is shorter than the minute that Consul wants at least", c.Service.DeregisterAfter)
	case !(0 < c.Limits.Low && c.Limits.Low <= c.Limits.High):
		return fmt.Errorf("alarm %v/%v: the first number, where it goes on, must not be below the second, where it goes off",
			c.Limits.High, c.Limits.Low)
	case c.MaxConnections < 0:
		return fmt.Errorf("max-connections %d is below 0", c.MaxConnections)
	case c.Listen != "" && c.Token == "" && !c.Insecure && !loopback(c.Listen):
		return fmt.Errorf("listen %s can be reached from elsewhere: give --report-token-file, "+
			"or allow it without by --insecure-listen", c.Listen)
	case c.Leave != LeaveRemove && c.Leave != LeaveCritical && c.Leave != LeaveKeep:
		return fmt.Errorf("leave %q is none of %s, %s and %s", c.Leave, LeaveRemove, LeaveCritical, LeaveKeep)
	}
	return nil
}

// Validate tells what is wrong with the configuration, as Run would before it
// starts.
func (c Config) Validate() error { return c.complete() }
