package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// mood is how a probed server behaves.
type mood string

// Moods. A server that hangs takes connections and says nothing.
const (
	well    mood = "well"
	refuses mood = "refuses"
	hangs   mood = "hangs"
	fails   mood = "fails" // status 503
)

// backend is a probed server.
type backend struct {
	addr string // host:port

	mu     sync.Mutex
	mood   mood
	server *http.Server
	hung   chan struct{} // closed when it does not hang any more
}

func newBackend(addr string) (*backend, error) {
	b := &backend{addr: addr, hung: make(chan struct{})}
	return b, b.set(well)
}

// set changes the server's mood.
func (b *backend) set(m mood) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mood = m; m != hangs {
		close(b.hung)
		b.hung = make(chan struct{})
	}
	switch {
	case m == refuses && b.server != nil:
		b.server.Close()
		b.server = nil
	case m != refuses && b.server == nil:
		return b.listen()
	}
	return nil
}

func (b *backend) listen() error {
	l, err := net.Listen("tcp", b.addr)
	if err != nil {
		return fmt.Errorf("probed server: %w", err)
	}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second}
	b.server.SetKeepAlivesEnabled(false)
	go b.server.Serve(l)
	return nil
}

// ServeHTTP answers a check.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	m, hung := b.mood, b.hung
	b.mu.Unlock()
	switch m {
	case hangs:
		b.hang(r.Context(), hung)
	case fails:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// hang waits until whoever asks gives up, or the server hangs no more.
func (b *backend) hang(ctx context.Context, hung <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-hung:
	}
}

func (b *backend) close() { b.set(refuses) }
