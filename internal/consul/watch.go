package consul

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"golang.org/x/time/rate"
)

// A watch makes at most so many queries a second, after a few at once: a
// single change is seen at once, a churning service cannot make it spin.
const (
	watchRate  = 20
	watchBurst = 5
)

// Watch follows one service. It implements pool.Source.
type Watch struct {
	client *Client
	query  Query
	filter string
	pace   *rate.Limiter

	// Of the goroutine in Run.
	last      *pool.Pool // as published, or the seed
	published time.Time
	index     uint64 // Consul's, of the last answer; 0 asks without waiting
	seen      uint64 // Consul's, of the state last taken up; outlives failures
	strict    bool   // ask for the consistent state
	plain     bool   // ask without waiting all the same, to confirm
	asked     time.Time
	first     bool      // has a place among the first queries
	failures  int       // in a row
	ill       time.Time // since when Consul answers with errors of its own
	refused   bool
	flawed    bool

	status atomic.Pointer[pool.Status]
	flaws  atomic.Int64
}

var _ pool.Source = (*Watch)(nil)

// Pool makes a watch; Run starts it. The seed, which may be nil, is the pool
// from before a reload: it is not published again unless it changed.
func (c *Client) Pool(q Query, seed *pool.Pool) *Watch {
	w := &Watch{client: c, query: q, filter: q.filter(), last: seed, pace: rate.NewLimiter(watchRate, watchBurst)}
	status := pool.Status{Source: q.String()}
	if seed != nil {
		status.Confirmed, w.published = seed.At, seed.At
	}
	w.status.Store(&status)
	return w
}

// Status tells when Consul last vouched for the pool, and the present
// trouble. A server that had to be left out, or whose report is broken, is
// trouble too, but then Confirmed is recent.
func (w *Watch) Status() pool.Status { return *w.status.Load() }

// Flaws is the number of registrations in the last answer that could not be
// used as they were; Status names the first.
func (w *Watch) Flaws() int { return int(w.flaws.Load()) }

// Run follows the service until ctx ends or the client is closed. It fails at
// once on a query that can never work.
func (w *Watch) Run(ctx context.Context, publish func(*pool.Pool)) error {
	if err := w.query.check(); err != nil {
		return err
	}
	ctx, leave := w.client.enter(ctx)
	defer leave()
	defer w.setAlarms(false, false, "")
	defer w.heal()
	w.index, w.plain, w.strict = 0, false, w.seen == 0
	for ctx.Err() == nil {
		err := w.round(ctx, publish)
		failed := err != nil && ctx.Err() == nil
		if failed {
			w.fail(err)
		}
		w.release()
		if failed {
			w.pause(ctx)
		}
	}
	return nil
}

// round makes one query and publishes what is new.
//
// Consul's agent answers queries that wait from a stream of its own, which
// tells of changes, but neither of a lost leader nor of what ACLs hide: it
// would repeat old data for ever. Only an answer to a plain query vouches for
// a pool, so one follows whenever the stream has nothing new or nothing left.
func (w *Watch) round(ctx context.Context, publish func(*pool.Pool)) error {
	index := w.index
	if w.plain {
		index = 0
	}
	entries, meta, err := w.fetch(ctx, index)
	if err != nil {
		return err
	}
	if err := w.trusted(entries, meta); err != nil {
		return err
	}
	w.failures = 0
	w.heal()
	now := w.client.now()
	w.client.contact.ok(w.asked, now)
	v := view{
		service: w.query.Service, prev: w.last, now: now, at: now.Add(-meta.LastContact),
		wan: w.query.Datacenter != "" && w.query.Datacenter != w.client.datacenter,
	}
	next, flaws := v.pool(entries)
	if meta.ResultsFilteredByACLs {
		flaws = append(flaws, "ACLs hide some instances: the token needs service:read and node:read")
	}
	if !w.proven(next, meta) || !w.current(next, meta) {
		return nil
	}
	w.tell(v.at, flaws)
	if next.Equal(w.last) && !w.due(next, now) {
		return nil
	}
	w.last, w.published = next, now
	publish(next)
	return nil
}

// due tells whether a pool without news shall be published for the sake of
// its times, which only matter to loads.
func (w *Watch) due(p *pool.Pool, now time.Time) bool {
	if now.Sub(w.published) < w.client.refresh {
		return false
	}
	for i := range p.Servers {
		if p.Servers[i].Load.Known() {
			return true
		}
	}
	return false
}

func (w *Watch) tell(confirmed time.Time, flaws []string) {
	status := pool.Status{Source: w.query.String(), Confirmed: confirmed}
	if len(flaws) > 0 {
		status.Err = flaws[0]
	}
	if len(flaws) > 1 {
		status.Err += fmt.Sprintf(" (and %d more)", len(flaws)-1)
	}
	w.flaws.Store(int64(len(flaws)))
	w.status.Store(&status)
	w.setAlarms(false, len(flaws) > 0, status.Err)
}

// fail notes a failed round. The next one asks without waiting, so that it
// vouches for the pool as soon as it gets through.
func (w *Watch) fail(err error) {
	status := w.Status()
	status.Err = w.client.explain(err, w.query.Service)
	w.status.Store(&status)
	w.index, w.plain = 0, false
	w.failures++
	now := w.client.now()
	switch {
	case refusal(err):
		w.heal()
		w.client.contact.ok(w.asked, now)
		w.setAlarms(true, w.flawed, status.Err)
	case ownError(err):
		w.suffer(now, status.Err)
	default:
		w.client.contact.fail(w.asked, now, outage(status.Err))
	}
}

// suffer notes an error of Consul's own. It may be about this service alone, such
// as of another datacenter: only where no watch gets answers there is no contact.
func (w *Watch) suffer(now time.Time, why string) {
	contact := w.client.contact
	if w.ill.IsZero() {
		w.ill = w.asked
		contact.fallIll()
	}
	switch {
	case contact.allIll(w.client.watches.Load()):
		contact.fail(w.asked, now, outage(why))
	case contact.heardBetween(w.ill, w.asked):
		w.setAlarms(true, w.flawed, why)
	}
}

// heal notes an answer of which Consul is sure, or the end of the watch.
func (w *Watch) heal() {
	if !w.ill.IsZero() {
		w.ill = time.Time{}
		w.client.contact.heal()
	}
}

func (w *Watch) setAlarms(refused, flawed bool, why string) {
	w.client.refused.set(w.refused, refused, "service", w.query.Service, "err", why)
	w.client.flawed.set(w.flawed, flawed, "service", w.query.Service, "err", why)
	w.refused, w.flawed = refused, flawed
}

// pause waits before the next try, or until another watch gets through after
// an outage.
func (w *Watch) pause(ctx context.Context) {
	timer := time.NewTimer(backoff(w.failures, rand.Float64()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.client.contact.returned():
	}
}
