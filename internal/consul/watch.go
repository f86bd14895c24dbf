package consul

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/hashicorp/consul/api"
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
	first     bool // has a place among the first queries
	failures  int  // in a row
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
	w.index, w.plain, w.strict = 0, false, w.last == nil
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

// proven tells whether the answer is at least as new as the pool that it is
// to replace. A server that was just started knows its leader before it has
// replayed its log, and then has none of the instances, some of them, or what they
// were like before: what is older than what was seen, or differs from a pool whose
// index is not known, is asked for once more from the leader itself
// (https://developer.hashicorp.com/consul/api-docs/features/consistency). So is
// the very first state.
func (w *Watch) proven(next *pool.Pool, meta *api.QueryMeta) bool {
	older := meta.LastIndex < w.seen || w.seen == 0
	if older && !w.strict && !next.Equal(w.last) {
		w.index, w.strict = 0, true
		return false
	}
	if w.strict {
		w.seen, w.index = meta.LastIndex, 0
	}
	w.seen, w.strict = max(w.seen, meta.LastIndex), false
	return true
}

// current tells whether the answer is the present state, and decides what to
// ask for next.
func (w *Watch) current(next *pool.Pool, meta *api.QueryMeta) bool {
	same, asked := next.Equal(w.last), w.plain
	streamed := meta.QueryBackend == api.QueryBackendStreaming
	w.plain = false
	switch {
	case asked && same && w.index > 0:
		return true // the index of the stream stays: it may be the higher
	case meta.LastIndex < w.index:
		// Consul was restored from older data, another server answered or
		// the stream is not ready: Consul's documentation wants the index
		// reset, so ask for all once more.
		w.index = 0
		return false
	}
	w.index = max(meta.LastIndex, 1)
	if streamed && (same || len(next.Servers) == 0) {
		w.plain = len(next.Servers) == 0 && !same || w.Status().Age(w.client.now()) >= w.client.wait/2
		return false
	}
	return true
}

func (w *Watch) fetch(ctx context.Context, index uint64) ([]entry, *api.QueryMeta, error) {
	c := w.client
	if err := w.admitted(ctx); err != nil {
		return nil, nil, err
	}
	options := api.QueryOptions{
		Datacenter: orDefault(w.query.Datacenter, c.datacenter),
		Filter:     w.filter,

		AllowStale: !w.strict, RequireConsistent: w.strict,
	}
	timeout := c.slack
	if index > 0 {
		options.WaitIndex, options.WaitTime = index, c.blockFor()
		timeout += options.WaitTime + options.WaitTime/16 // Consul adds up to 1/16
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	w.asked = c.now()
	var entries []entry
	meta, err := c.api.Raw().Query("/v1/health/service/"+w.query.Service, &entries, options.WithContext(ctx))
	return entries, meta, err
}

// admitted waits until a query may be made.
func (w *Watch) admitted(ctx context.Context) error {
	if w.asked.IsZero() {
		return w.admittedFirst(ctx)
	}
	if err := w.pace.Wait(ctx); err != nil {
		return err
	}
	return w.client.limit.Wait(ctx)
}

// admittedFirst waits for a place among the first queries. Where those get no
// answer that takes long: the others tell why they wait.
func (w *Watch) admittedFirst(ctx context.Context) error {
	c := w.client
	for {
		select {
		case c.first <- struct{}{}:
			w.first = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-c.contact.departed():
			if err := c.contact.outage(); err != nil {
				return err
			}
		}
	}
}

// release gives a place among the first queries to another watch, after it is
// known whether there is contact.
func (w *Watch) release() {
	if w.first {
		<-w.client.first
		w.first = false
	}
}

// trusted tells why an answer must not replace the pool: a server without a
// leader may be just starting, and what ACLs hide is not gone.
func (w *Watch) trusted(entries []entry, meta *api.QueryMeta) error {
	if meta.QueryBackend == api.QueryBackendStreaming {
		return nil // it does not tell
	}
	if !meta.KnownLeader {
		return errNoLeader
	}
	if len(entries) > 0 {
		return nil
	}
	// To the anonymous token Consul does not say that it filtered.
	anonymous := w.client.anonymous() && meta.DefaultACLPolicy == "deny"
	if meta.ResultsFilteredByACLs || anonymous {
		return errHidden
	}
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
	if refusal(err) {
		w.client.contact.ok(w.asked, now)
		w.setAlarms(true, w.flawed, status.Err)
		return
	}
	w.client.contact.fail(w.asked, now, outage(status.Err))
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
