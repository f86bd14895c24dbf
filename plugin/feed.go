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
	lasting string     // the same in every process that follows the same
	name    string     // what it is, also across changes of its details
	initial *pool.Pool // what is known before the source said anything; may be nil
	open    func(seed *pool.Pool) pool.Source
}

// seed is a pool that was known before its feed.
type seed struct {
	pool     *pool.Pool // At is when its source last vouched for it
	snapshot time.Time  // when it was written, if it is from disk
}

// feed follows one source for all the steers that use it.
type feed struct {
	feedSpec
	source   pool.Source
	vouched  time.Time // of the seed: when its source vouched for it
	snapshot time.Time // of the seed: when it was written, if it is from disk
	pool     atomic.Pointer[pool.Pool]
	first    chan struct{} // closed once the pool is known
	failing  bool          // as last logged; of the hub's ticker
	probed   probe.Stats   // as last shown; of the hub's ticker

	mu     sync.Mutex
	steers map[*steer]struct{}

	cancel context.CancelFunc
	done   chan struct{} // closed when Run returned; nil before it was started
}

func newFeed(spec feedSpec, from seed) *feed {
	f := &feed{feedSpec: spec, first: make(chan struct{}), steers: map[*steer]struct{}{}}
	f.begin(from)
	return f
}

// begin sets what is known before the source is asked. It may be called again
// until something is known.
func (f *feed) begin(from seed) {
	if from.pool == nil {
		f.source = f.open(nil)
		f.pool.Store(f.initial)
		return
	}
	f.vouched, f.snapshot = from.pool.At, from.snapshot
	f.source = f.open(f.sourceSeed(from))
	f.pool.Store(from.pool)
	if f.initial != nil {
		f.pool.Store(withHealth(f.initial, from.pool))
	}
	close(f.first)
}

// sourceSeed is what the source itself shall go on from. Checks that were made
// by an earlier process are no reason to ask thrice before a server is down:
// the first round decides, and until then what they found is served.
func (f *feed) sourceSeed(from seed) *pool.Pool {
	if f.initial != nil && !from.snapshot.IsZero() {
		return nil
	}
	return from.pool
}

// fromSnapshot is when the pool was written to disk, if the source has not
// vouched for it since it was read from there; else zero.
func (f *feed) fromSnapshot() time.Time {
	if f.source.Status().Confirmed.After(f.vouched) {
		return time.Time{}
	}
	return f.snapshot
}

// unheard tells that the source has not said anything since the start, while the
// pool is from disk.
func (f *feed) unheard() bool { return !f.fromSnapshot().IsZero() && f.source.Status().Err == "" }

// last is the feed's pool as a seed, for a feed that is to follow the same.
func (f *feed) last() seed {
	last := *f.pool.Load()
	last.At = f.status().Confirmed // the pool may be long unchanged
	return seed{pool: &last, snapshot: f.fromSnapshot()}
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
	f.replan(time.Now())
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

// status is the source's, named as the feed is. Until it vouches for its pool
// itself the earlier process's word counts.
func (f *feed) status() pool.Status {
	status := f.source.Status()
	status.Source = f.name
	if status.Confirmed.IsZero() {
		status.Confirmed = f.vouched
	}
	return status
}

// consequence says what trouble means: servers that do not answer their checks
// are news, a source that cannot be asked is none.
func (f *feed) consequence() string {
	if _, ok := f.source.(prober); ok {
		return ""
	}
	if f.pool.Load() == nil {
		return "; nothing is known of its servers yet"
	}
	return "; the last pool stays in use"
}

// tick logs and passes on that the source fails or works again: nothing is
// published then, but the plans depend on it.
func (f *feed) tick(now time.Time) {
	status := f.status()
	failing := status.Err != ""
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
	f.replan(now)
}

// replan makes the plans of all users anew.
func (f *feed) replan(now time.Time) {
	for _, s := range f.users() {
		s.update(now)
	}
}
