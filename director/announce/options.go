package announce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// Registry is where VIPs are told of: *consul.Client. Beat returns
// consul.ErrNotRegistered if the registry does not know the instance.
type Registry interface {
	Register(ctx context.Context, r consul.Registration) error
	Beat(ctx context.Context, serviceID string, h pool.Health, output string) error
	Leave(ctx context.Context, serviceID string, decorated bool) error
}

var _ Registry = (*consul.Client)(nil)

// Leave says what becomes of a VIP in Consul when Run ends.
type Leave uint8

// The ways to leave.
const (
	LeaveRemove   Leave = iota // deregister it
	LeaveCritical              // leave it critical, in sight until DeregisterAfter
	LeaveKeep                  // say nothing: the next Run has the TTL to take over
)

// Options may be left zero, each.
type Options struct {
	// Host names the director in IDs; empty for the host's name. It must stay
	// the same over restarts.
	Host string
	// Boot changes when the connections through the director were lost: the
	// kernel's boot id, for a datapath that outlives the program. Empty for none.
	Boot string

	Scale           float64       // weight of a capacity of 1; 0 for 1
	Limits          pace.Limits   // of being overloaded; zero for 0.90 and 0.75
	TTL             time.Duration // of the check; 0 for 10 s, at least 1 s
	DeregisterAfter time.Duration // critical so long, Consul forgets the VIP; 0 for 10 min, at least 1 min
	Every           time.Duration // between writes of weight and Meta; 0 for 5 s, give or take a fifth
	// Stale is after how long without Set a VIP is not vouched for any more,
	// so that its TTL runs out; 0 for 30 s.
	Stale time.Duration

	// Leave is asked for each VIP by name when Run ends, from several
	// goroutines; nil for LeaveRemove.
	Leave func(vip string) Leave

	Log    *slog.Logger   // changes of state; nil discards
	Random func() float64 // uniform in [0, 1), for several goroutines; nil for the runtime's
}

// loadStep is the step of the load in Meta; refresh, how often a registration
// is put right without a change. Equal data costs Consul no write.
const (
	loadStep = 0.05
	refresh  = 10 * time.Minute
)

func (o Options) complete() (Options, error) {
	o.Scale = cmp.Or(o.Scale, 1)
	o.TTL = cmp.Or(o.TTL, 10*time.Second)
	o.DeregisterAfter = cmp.Or(o.DeregisterAfter, 10*time.Minute)
	o.Every = cmp.Or(o.Every, 5*time.Second)
	o.Stale = cmp.Or(o.Stale, 30*time.Second)
	if o.Limits == (pace.Limits{}) {
		o.Limits = pace.Limits{High: 0.90, Low: 0.75}
	}
	if o.Leave == nil {
		o.Leave = func(string) Leave { return LeaveRemove }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return o, fmt.Errorf("name the host: %w", err)
		}
		o.Host = host
	}
	return o, o.validate()
}

func (o *Options) validate() error {
	switch {
	case o.TTL < time.Second:
		return fmt.Errorf("ttl %v is shorter than the second that Consul wants at least", o.TTL)
	case o.DeregisterAfter < time.Minute:
		return fmt.Errorf("deregister-after %v is shorter than the minute that Consul wants at least", o.DeregisterAfter)
	case !(o.Scale > 0 && o.Scale <= maxWeight):
		return fmt.Errorf("scale %v is not above 0 and at most %d", o.Scale, maxWeight)
	case !(0 < o.Limits.Low && o.Limits.Low <= o.Limits.High):
		return fmt.Errorf("limits %v/%v: a load is overload above the first, and no more below the second, which must not be higher",
			o.Limits.High, o.Limits.Low)
	case o.Every < 0 || o.Stale < 0:
		return errors.New("every and stale must not be negative")
	}
	return nil
}
