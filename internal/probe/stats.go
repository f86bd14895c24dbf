package probe

import (
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Stats are counters of a Source for metrics. Runs standing still, or Late
// growing, means that health is no longer watched as it should be.
type Stats struct {
	Addresses int       // how many are checked
	Running   int       // checks that run now
	Runs      uint64    // checks that ended
	Failed    uint64    // of those, the target failed
	Unable    uint64    // of those, trouble on this side: they tell nothing
	Late      uint64    // checks that began over half an interval after their time
	Published uint64    // pools that were handed over
	Last      time.Time // when a check last ended; zero if none did
}

// record is what a Source lets others see while it runs.
type record struct {
	mu        sync.Mutex
	stats     Stats     // guarded by mu, as are all below
	confirmed time.Time // when the last full round was complete
	static    bool      // no address needs to be asked again
	trouble   string
}

func (r *record) update(f func(*record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *record) statsNow() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

func (r *record) status(name string) pool.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := pool.Status{Source: name, Confirmed: r.confirmed, Err: r.trouble}
	if r.static {
		s.Confirmed = time.Now()
	}
	return s
}
