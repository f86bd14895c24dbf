package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// controls answer the visitor's curl. They are apart from the servers, so that
// a stopped one can be started.
type controls struct {
	cast    *cast
	address string
	happen  func(string) // told what was done
}

// handler knows all paths. A web page that the visitor has open elsewhere is
// not to stop servers here: cross-origin requests are refused.
func (c *controls) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.list()) })
	mux.HandleFunc("POST /consul/{action}", c.do(func(r *http.Request) (string, error) {
		return c.cast.actConsul(r.PathValue("action"))
	}))
	mux.HandleFunc("POST /{server}/{action}", c.do(func(r *http.Request) (string, error) {
		return c.cast.act(r.PathValue("server"), r.PathValue("action"))
	}))
	mux.HandleFunc("POST /{server}/load/{load}", c.do(func(r *http.Request) (string, error) {
		return c.cast.hold(r.PathValue("server"), r.PathValue("load"))
	}))
	mux.HandleFunc("POST /{server}/agent/{action}", c.do(func(r *http.Request) (string, error) {
		return c.cast.actAgent(r.PathValue("server"), r.PathValue("action"))
	}))
	return http.NewCrossOriginProtection().Handler(mux)
}

func (c *controls) do(action func(*http.Request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		done, err := action(r)
		switch {
		case errors.Is(err, errUnknown):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			c.happen(done)
			fmt.Fprintln(w, done)
		}
	}
}

// list says what there is, and how it is.
func (c *controls) list() string {
	var b strings.Builder
	for i, w := range c.cast.webs {
		fmt.Fprintf(&b, "%s  http://%s  capacity %d, load %.2f", w.name, w.address, w.capacity, w.load())
		if done := w.state().String(); done != "" {
			b.WriteString(", " + done)
		}
		if i < len(c.cast.agents) && !c.cast.agents[i].running() {
			b.WriteString(", its agent does not run")
		}
		b.WriteString("\n")
	}
	b.WriteString("\ncurl -X POST " + c.address + "/SERVER/load/0.95   hold its load there; load/auto lets it go\n")
	b.WriteString("curl -X POST " + c.address + "/SERVER/ACTION      stop, slow, or start, which undoes both\n")
	if c.cast.consul != nil {
		b.WriteString("curl -X POST " + c.address + "/SERVER/agent/kill  its agent; agent/start\n")
		b.WriteString("curl -X POST " + c.address + "/consul/stop        Consul; consul/start\n")
	}
	return b.String()
}

// Run answers at l until ctx ends.
func (c *controls) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: c.handler(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("controls: %w", err)
	}
	return nil
}
