package announce

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// Announcer tells a registry of some VIPs. Its methods are safe for concurrent
// use, but Run runs once at a time.
type Announcer struct {
	registry Registry
	options  Options
	vips     map[string]*vip
	order    []*vip // as given
}

// vip is one VIP with what was set and what became of it.
type vip struct {
	VIP
	id      string
	changed chan struct{} // has something in it when the state was set

	mu     sync.Mutex
	state  State
	set    time.Time // zero: never
	alarm  pace.Alarm
	status Status
}

// Status is what the registry was told of a VIP.
type Status struct {
	VIP, ID string
	Health  pool.Health // Unknown before the first word
	Reason  string
	Weight  int
	At      time.Time // when the registry last took something
	Err     string    // the present trouble; empty if none
}

// New checks VIPs and options. It does not call the registry. No VIPs are fine.
func New(r Registry, vips []VIP, o Options) (*Announcer, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	a := &Announcer{registry: r, options: o, vips: map[string]*vip{}}
	ids := map[string]string{}
	for _, v := range vips {
		if err := v.validate(); err != nil {
			return nil, fmt.Errorf("announce: %w", err)
		}
		id := v.ID(o.Host)
		if a.vips[v.Name] != nil {
			return nil, fmt.Errorf("announce: vip %q is there twice", v.Name)
		}
		if other, ok := ids[id]; ok {
			return nil, fmt.Errorf("announce: vips %q and %q would both be %s: announce one of them", other, v.Name, id)
		}
		ids[id] = v.Name
		entry := &vip{VIP: v, id: id, changed: make(chan struct{}, 1), status: Status{VIP: v.Name, ID: id}}
		a.vips[v.Name] = entry
		a.order = append(a.order, entry)
	}
	return a, nil
}

// Set tells how a VIP is. It is to be called about once a second also when
// nothing changed: a state that is not confirmed for Options.Stale is not
// vouched for. It does no I/O and may be called before Run. A name that New
// was not given is ignored.
func (a *Announcer) Set(name string, s State) {
	v := a.vips[name]
	if v == nil {
		return
	}
	v.mu.Lock()
	v.state, v.set = s, time.Now()
	if s.LoadKnown {
		v.alarm = v.alarm.Next(a.options.Limits, s.Load)
	} else {
		v.alarm = pace.Alarm{}
	}
	v.mu.Unlock()
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// Status tells of all VIPs in the order given to New.
func (a *Announcer) Status() []Status {
	all := make([]Status, len(a.order))
	for i, v := range a.order {
		v.mu.Lock()
		all[i] = v.status
		v.mu.Unlock()
	}
	return all
}

// Run keeps the registry up to date until ctx ends, lets each VIP leave as
// Options.Leave says, and returns nil. A VIP is registered with its first
// Set. Trouble with the registry shows in Status, and Run tries again with a
// back-off of up to a third of the TTL.
func (a *Announcer) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, v := range a.order {
		all.Go(func() { newLink(a, v).run(ctx) })
	}
	all.Wait()
	<-ctx.Done()
	return nil
}

// now is the state last set, and when.
func (v *vip) now() (s State, overloaded bool, set time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state, v.alarm.On, v.set
}

func (v *vip) note(change func(*Status)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.status)
}
