package agent

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ballast-lb/ballast/internal/pool"
)

// handler answers on the HTTP listener. With a token all but /healthz asks
// for it.
func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.serveHealthz)
	mux.Handle("GET /v1/report", a.guard(http.HandlerFunc(a.serveReport)))
	mux.Handle("GET /metrics", a.guard(promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{})))
	return mux
}

// guard lets pass who knows the token.
func (a *agent) guard(next http.Handler) http.Handler {
	if a.cfg.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(a.cfg.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token)) // equal lengths, so that time tells nothing
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="ballast-agent"`)
			http.Error(w, "the agent's bearer token is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveReport answers with the report. The status makes it usable as an HTTP
// check as it stands, and the header as one that tells the load.
func (a *agent) serveReport(w http.ResponseWriter, _ *http.Request) {
	s := a.now.Load()
	if s == nil {
		http.Error(w, "no sample yet", http.StatusServiceUnavailable)
		return
	}
	body, err := json.Marshal(s.report)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set(pool.LoadHeader, orca(s.report))
	w.WriteHeader(statusCode(s.report.Health))
	w.Write(append(body, '\n'))
}

// orca is the report as the value of pool.LoadHeader.
func orca(r pool.Report) string {
	v := "TEXT application_utilization=" + strconv.FormatFloat(r.Load, 'f', -1, 64)
	if r.Samples.CPU != nil {
		v += ", cpu_utilization=" + strconv.FormatFloat(*r.Samples.CPU, 'f', -1, 64)
	}
	return v
}

func statusCode(h pool.Health) int {
	if h.Alive() {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// serveHealthz tells of the agent, not of its server: it samples.
func (a *agent) serveHealthz(w http.ResponseWriter, _ *http.Request) {
	if a.now.Load() == nil {
		http.Error(w, "no sample yet", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (a *agent) serveHTTP(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stopped := make(chan struct{})
	defer func() { <-stopped }()
	release := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(l)
	if release() { // Serve failed by itself
		close(stopped)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
}
