package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// The simulated load: what is always there, and the clients' demand in units
// of capacity. All of it on capacities 4, 2 and 1 is a load of 0.31 each;
// without the largest server the others are at 0.65, and the smallest alone
// would drown.
const (
	baseLoad = 0.05
	demand   = 1.8
)

// slowness is longer than any check waits.
const slowness = 3 * time.Second

// web is one of the servers: what clients of the name come for.
type web struct {
	spec
	address string
	share   func(netip.Addr) float64 // of the clients, 0..1

	mu     sync.Mutex
	server *http.Server // nil while stopped
	ended  chan struct{}
	held   *float64 // the load that the visitor set; nil for the simulated
	slow   bool
}

// load is the server's load now.
func (w *web) load() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		return *w.held
	}
	return baseLoad + demand*w.share(netip.MustParseAddr(w.ip))/float64(w.capacity)
}

// start listens, or listens again, and forgets what was done to the server.
func (w *web) start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow, w.held = false, nil
	if w.server != nil {
		return nil
	}
	l, err := listen(w.address, "the demo server "+w.name)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: w.handler(), ReadHeaderTimeout: 5 * time.Second}
	w.server, w.ended = server, make(chan struct{})
	go w.serve(server, l, w.ended)
	return nil
}

func (w *web) serve(server *http.Server, l net.Listener, ended chan struct{}) {
	defer close(ended)
	if err := server.Serve(l); errors.Is(err, http.ErrServerClosed) {
		return
	}
	w.mu.Lock() // the listener failed: that is stopped, too
	defer w.mu.Unlock()
	if w.server == server {
		w.server = nil
	}
}

// stop closes the listener and all connections: from now on they are refused.
func (w *web) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.server != nil {
		w.server.Close()
		w.server = nil
	}
}

// end stops for good and waits.
func (w *web) end() {
	w.stop()
	w.mu.Lock()
	ended := w.ended
	w.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// hold sets the load; nil leaves it to the simulation again.
func (w *web) hold(load *float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = load
}

func (w *web) setSlow(slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow = slow
}

// state is what the visitor did to the server.
type state struct {
	stopped, slow bool
	held          *float64
}

func (w *web) state() state {
	w.mu.Lock()
	defer w.mu.Unlock()
	return state{w.server == nil, w.slow, w.held}
}

// String is empty if nothing was done.
func (s state) String() string {
	switch {
	case s.stopped:
		return "you stopped it"
	case s.slow:
		return "you made it slow"
	case s.held != nil:
		return fmt.Sprintf("you hold its load at %.2f", *s.held)
	}
	return ""
}

func (w *web) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		w.think(r.Context())
		fmt.Fprintf(rw, "This is %s at %s, capacity %d, load %.2f.\n", w.name, w.address, w.capacity, w.load())
	})
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, r *http.Request) {
		w.think(r.Context())
		rw.Header().Set(pool.LoadHeader, "TEXT application_utilization="+loadText(w.load()))
		fmt.Fprintln(rw, "ok")
	})
	mux.HandleFunc("GET /load", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(rw, loadText(w.load()))
	})
	return mux
}

// think takes as long as a slow server does.
func (w *web) think(ctx context.Context) {
	if !w.state().slow {
		return
	}
	select {
	case <-time.After(slowness):
	case <-ctx.Done():
	}
}

func loadText(load float64) string { return strconv.FormatFloat(load, 'f', 2, 64) }
