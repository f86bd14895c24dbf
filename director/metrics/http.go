package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ballast-lb/ballast/internal/control"
)

// Handler answers GET /metrics with the director's metrics and those of its
// process, and GET /healthz.
func Handler(snapshot func() control.DirectorStatus) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(snapshot), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { serveHealthz(w, snapshot()) })
	return mux
}

// serveHealthz tells of the director, not of its servers: the datapath is
// where it should be.
func serveHealthz(w http.ResponseWriter, s control.DirectorStatus) {
	var missing []string
	for _, i := range s.Interfaces {
		if !i.Attached {
			missing = append(missing, i.Name)
		}
	}
	switch {
	case s.ConfigLoaded.IsZero():
		http.Error(w, "no configuration is loaded yet", http.StatusServiceUnavailable)
	case len(missing) > 0:
		http.Error(w, "the datapath is not attached at "+strings.Join(missing, ", "), http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ok")
	}
}

// Serve answers with the Handler on l until ctx ends, and then closes l and
// returns nil.
func Serve(ctx context.Context, l net.Listener, snapshot func() control.DirectorStatus) error {
	server := &http.Server{
		Handler:           Handler(snapshot),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve metrics on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics on %s: %w", l.Addr(), err)
	}
	return nil
}
