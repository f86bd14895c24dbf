package probe

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// before stands between progress towards coming up and the last failure.
const before = ", before: "

// address is what is known of one address of a server.
type address struct {
	target Target
	alive  Counter // answers at all
	calm   Counter // does not warn: the first warning counts, its end takes rise answers
	remark string  // detail of the last answer
	failed string  // why the last failure failed
	static bool    // will not be asked again
	load   pool.Load
}

func newAddress(t Target, rise, fall int) address {
	return address{target: t, alive: NewCounter(rise, fall), calm: NewCounter(rise, 1)}
}

// restore takes over what an earlier source knew of the address.
func (a *address) restore(old *pool.Server, remaining int) {
	switch old.Health {
	case pool.Passing, pool.Warning:
		a.alive.Restore(true, remaining)
		a.calm.Restore(old.Health == pool.Passing, remaining)
		a.load = old.Load
		a.remark, a.failed = old.Reason, old.Reason
	case pool.Critical:
		a.alive.Restore(false, remaining)
		_, cause, ok := strings.Cut(old.Reason, before)
		if !ok {
			cause = old.Reason
		}
		a.failed = cause
	}
}

// observe takes the outcome of a check that ended at now.
func (a *address) observe(r Result, err error, now time.Time) {
	if errors.Is(err, ErrUnable) {
		if !a.alive.Known() {
			a.remark = err.Error()
		}
		return
	}
	a.alive.Observe(err == nil)
	if err != nil {
		a.failed = bounded(err.Error())
	} else {
		a.calm.Observe(!r.Warning)
		a.remark, a.static = bounded(r.Detail), r.Static
		if r.HasLoad {
			a.load = pool.Load{Value: roundLoad(r.Load), At: now}
		}
	}
	if !a.alive.Up() {
		a.load = pool.Load{} // what it was when it last worked says nothing about its return
	}
}

// roundLoad keeps noise from looking like change.
func roundLoad(v float64) float64 {
	return math.Round(max(0, min(v, pool.MaxLoad))*100) / 100
}

func (a *address) health() pool.Health {
	switch {
	case !a.alive.Known():
		return pool.Unknown
	case !a.alive.Up():
		return pool.Critical
	case a.calm.Known() && !a.calm.Up():
		return pool.Warning
	}
	return pool.Passing
}

// reason says why health is what it is, and how far the next change has come.
func (a *address) reason() string {
	progress := fmt.Sprintf("%d of %d", a.alive.Against(), a.alive.need())
	switch {
	case !a.alive.Known() || a.alive.Up() && a.alive.Against() == 0:
		return a.remark
	case a.alive.Up():
		return "failed " + progress + ": " + a.failed
	case a.alive.Against() > 0:
		return "passed " + progress + before + a.failed
	}
	return a.failed
}

// flip is the shortest time in which health could change; 0 if it cannot or
// if it is unknown.
func (a *address) flip(every time.Duration) time.Duration {
	if a.static || !a.alive.Known() {
		return 0
	}
	n := a.alive.Remaining()
	if a.health() == pool.Warning {
		n = min(n, a.calm.Remaining())
	}
	return time.Duration(n) * every
}

// wavering tells whether the latest answers contradict health.
func (a *address) wavering() bool {
	return a.alive.Known() && (a.alive.Against() > 0 || a.health() == pool.Warning && a.calm.Against() > 0)
}

func (a *address) ip() netip.Addr { return a.target.Addr.Addr() }
