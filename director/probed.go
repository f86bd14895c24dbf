package director

import (
	"context"
	"slices"
	"sync"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/probe"
)

// probed checks the servers of another source itself as well: a server is as
// well as the worse of the two say. What Consul knows may be seconds old.
type probed struct {
	name  string
	inner pool.Source
	check config.Check

	mu      sync.Mutex
	told    *pool.Pool // by the inner source
	seen    *pool.Pool // by the prober, of the same servers
	prober  *probe.Source
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newProbed(name string, inner pool.Source, check config.Check) *probed {
	return &probed{name: name, inner: inner, check: check}
}

func (s *probed) Status() pool.Status { return s.inner.Status() }

// Run follows the inner source, and probes who is in its pool.
func (s *probed) Run(ctx context.Context, publish func(*pool.Pool)) error {
	ask, err := probe.New(s.check.Spec)
	if err != nil {
		return err
	}
	defer s.running.Wait()
	defer s.halt()
	return s.inner.Run(ctx, func(p *pool.Pool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		again := s.told == nil || !slices.EqualFunc(s.told.Servers, p.Servers, sameTarget)
		s.told = p
		if again {
			s.probe(ctx, p, ask, publish)
		}
		publish(merge(s.told, s.seen))
	})
}

// probe starts a prober for p's servers in place of the last. mu is held.
func (s *probed) probe(ctx context.Context, p *pool.Pool, ask probe.Check, publish func(*pool.Pool)) {
	if s.stop != nil {
		s.stop()
	}
	ctx, s.stop = context.WithCancel(ctx)
	prober := probe.NewSource(s.name, p.Servers, ask, s.check.Options, s.seen)
	s.prober = prober
	s.running.Go(func() {
		_ = prober.Run(ctx, func(seen *pool.Pool) { // ends without error, with ctx
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.prober == prober {
				s.seen = seen
				publish(merge(s.told, s.seen))
			}
		})
	})
}

func (s *probed) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

func sameTarget(a, b pool.Server) bool {
	return a.ID == b.ID && a.Port == b.Port && a.Host == b.Host && slices.Equal(a.Addrs, b.Addrs)
}

// merge gives told's servers the health that seen has, where that is worse.
func merge(told, seen *pool.Pool) *pool.Pool {
	q := *told
	q.Servers = slices.Clone(told.Servers)
	for i := range q.Servers {
		s := &q.Servers[i]
		p := seen.Find(s.ID)
		if p == nil || !s.Health.Alive() || p.Health != pool.Critical && p.Health != pool.Warning {
			continue
		}
		s.Health, s.Reason, s.Since = p.Health, p.Reason, p.Since
	}
	return &q
}
