package probe

import (
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// never is longer than any change waits.
const never = time.Duration(1<<63 - 1)

// outlet decides when a pool is handed over.
type outlet struct {
	publish func(*pool.Pool)
	opened  bool          // the first pool may go
	last    *pool.Pool    // handed over last
	at      time.Time     // when that was
	wait    time.Duration // how long after at the next one goes; never if nothing changed
}

// note takes in a server's change.
func (o *outlet) note(old, new pool.Server) {
	o.wait = min(o.wait, patience(old, new))
}

// due is when the next pool is to be handed over, if there is one.
func (o *outlet) due() (time.Time, bool) {
	if !o.opened || o.wait == never {
		return time.Time{}, false
	}
	return o.at.Add(o.wait), true
}

// flush hands over the pool if it is time, unless all that changed has changed
// back.
func (o *outlet) flush(s *Source, now time.Time) {
	if !o.opened {
		return
	}
	if o.last != nil {
		if due, ok := o.due(); !ok || now.Before(due) {
			return
		}
	}
	p := s.pool(now)
	if o.last != nil {
		o.wait = patienceAll(o.last, p)
		if due, ok := o.due(); !ok || now.Before(due) {
			return
		}
	}
	o.last, o.at, o.wait = p, now, never
	o.publish(p)
	s.record.update(func(r *record) { r.stats.Published++ })
}

// patience is how long after the last pool a server's change may wait.
func patience(old, new pool.Server) time.Duration {
	switch {
	case old.Health != new.Health, old.Flip != new.Flip, !slices.Equal(old.Addrs, new.Addrs),
		old.Load.Known() != new.Load.Known():
		return 0
	case old.Load.Value != new.Load.Value:
		return loadPace
	case old.Reason != new.Reason, !old.Load.At.Equal(new.Load.At):
		return refresh
	}
	return never
}

func patienceAll(old, new *pool.Pool) time.Duration {
	least := never
	for i := range new.Servers {
		least = min(least, patience(old.Servers[i], new.Servers[i]))
	}
	return least
}
