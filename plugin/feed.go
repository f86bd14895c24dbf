package ballast

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/probe"
)

// feedSpec says where a pool comes from. Steers with the same key share a feed.
type feedSpec struct {
	key     string
	name    string     // what it is, also across changes of its details
	initial *pool.Pool // what is known before the source said anything; may be nil
	open    func(seed *pool.Pool) pool.Source
}

// feed follows one source for all the steers that use it.
type feed struct {
	key, name string
	source    pool.Source
	seeded    bool
	pool      atomic.Pointer[pool.Pool]
	first     chan struct{} // closed once the pool is known
	failing   bool          // as last logged; of the hub's ticker
	probed    probe.Stats   // as last shown; of the hub's ticker

	mu     sync.Mutex
	steers map[*steer]struct{}

	cancel context.CancelFunc
	done   chan struct{} // closed when Run returned; nil before it was started
}

func newFeed(spec feedSpec, seed *pool.Pool) *feed {
	f := &feed{
		key:    spec.key,
		name:   spec.name,
		source: spec.open(seed),
		seeded: seed != nil,
		first:  make(chan struct{}),
		steers: map[*steer]struct{}{},
	}
	switch {
	case seed != nil && spec.initial != nil:
		f.pool.Store(withHealth(spec.initial, seed))
	case seed != nil:
		f.pool.Store(seed)
	default:
		f.pool.Store(spec.initial)
	}
	if f.seeded {
		close(f.first)
	}
	return f
}

// withHealth is p with the health that its servers had in seed.
func withHealth(p, seed *pool.Pool) *pool.Pool {
	known := *p
	known.Servers = append([]pool.Server(nil), p.Servers...)
	for i := range known.Servers {
		s := &known.Servers[i]
		if old := seed.Find(s.ID); old != nil {
			s.Health, s.Reason, s.Since, s.Load = old.Health, old.Reason, old.Since, old.Load
			s.Flip, s.Wavering = old.Flip, old.Wavering
			s.Addrs = stillThere(old.Addrs, s.Addrs)
		}
	}
	return &known
}

// stillThere are the addresses that were served and are still configured, or
// all that are configured if none was.
func stillThere(served, configured []netip.Addr) []netip.Addr {
	both := slices.DeleteFunc(slices.Clone(served), func(a netip.Addr) bool { return !slices.Contains(configured, a) })
	if len(both) == 0 {
		return configured
	}
	return both
}

// start follows the source until stop.
func (f *feed) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.done = cancel, make(chan struct{})
	go func() {
		defer close(f.done)
		if err := f.source.Run(ctx, f.publish); err != nil {
			log.Errorf("%s: %v", f.name, err)
		}
	}()
}

func (f *feed) stop() {
	if f.done != nil {
		f.cancel()
		<-f.done
	}
}

// publish hands a pool to all steers. Only the source's goroutine calls it.
func (f *feed) publish(p *pool.Pool) {
	f.pool.Store(p)
	now := time.Now()
	for _, s := range f.users() {
		s.update(now)
	}
	if !f.known() {
		close(f.first)
	}
}

func (f *feed) known() bool {
	select {
	case <-f.first:
		return true
	default:
		return false
	}
}

func (f *feed) users() []*steer {
	f.mu.Lock()
	defer f.mu.Unlock()
	users := make([]*steer, 0, len(f.steers))
	for s := range f.steers {
		users = append(users, s)
	}
	return users
}

// status is the source's, named as the feed is.
func (f *feed) status() pool.Status {
	status := f.source.Status()
	status.Source = f.name
	return status
}

// consequence says what trouble means: servers that do not answer their checks
// are news, a source that cannot be asked is none.
func (f *feed) consequence() string {
	if _, ok := f.source.(prober); ok {
		return ""
	}
	return "; the last pool stays in use"
}

// tick logs and passes on that the source fails or works again: nothing is
// published then, but the plans depend on it.
func (f *feed) tick(now time.Time) {
	status := f.source.Status()
	failing := status.Err != ""
	showSource(f.name, status, now)
	f.showProbes()
	if failing == f.failing {
		return
	}
	f.failing = failing
	if failing {
		log.Warningf("%s: %s%s", f.name, status.Err, f.consequence())
	} else {
		log.Infof("%s: works again", f.name)
	}
	for _, s := range f.users() {
		s.update(now)
	}
}
