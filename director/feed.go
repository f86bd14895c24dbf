package director

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/ballast-lb/ballast/internal/pool"
)

// feed runs a source and keeps its last pool.
type feed struct {
	source pool.Source
	pool   atomic.Pointer[pool.Pool]
	fresh  atomic.Bool // the pool has not been taken yet
	stop   context.CancelFunc
	done   chan struct{}
}

// startFeed runs source until end is called. changed is called after each new
// pool, and must not wait for whoever calls end. seed is what is used until the first; nil for none.
func startFeed(ctx context.Context, source pool.Source, seed *pool.Pool, changed func(), log *slog.Logger) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{source: source, stop: cancel, done: make(chan struct{})}
	f.pool.Store(seed)
	go func() {
		defer close(f.done)
		err := source.Run(ctx, func(p *pool.Pool) {
			f.pool.Store(p)
			f.fresh.Store(true)
			changed()
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			log.Error("a source of servers has ended", "source", source.Status().Source, "error", err)
		}
	}()
	return f
}

// end stops the source and waits for it.
func (f *feed) end() {
	if f == nil {
		return
	}
	f.stop()
	<-f.done
}

// last is the last pool; nil if there is no feed or none came yet.
func (f *feed) last() *pool.Pool {
	if f == nil {
		return nil
	}
	return f.pool.Load()
}

// take tells whether there is a pool that was not taken yet.
func (f *feed) take() bool { return f != nil && f.fresh.Swap(false) }
