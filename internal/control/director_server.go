package control

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// ServeDirector answers for d on l as Serve does for a Service.
func ServeDirector(ctx context.Context, l net.Listener, d Director, logf func(format string, args ...any)) error {
	return answer(ctx, l, newDirectorHandler(d), logf)
}

func newDirectorHandler(d Director) http.Handler {
	return newMux("a director", map[string]http.Handler{
		"GET /v1/director/status": action(func(r *http.Request) (any, error) {
			if err := queryOnly(r); err != nil {
				return nil, err
			}
			return d.Status(r.Context())
		}),
		"GET /v1/director/connections":  streamConnections(d),
		"GET /v1/director/explain":      explainConnAction(d),
		"PUT /v1/director/overrides":    drainAction(d),
		"DELETE /v1/director/overrides": undrainAction(d),
	})
}

// streamConnections writes a line for each connection as it is found, so that
// a table of millions needs no memory here.
func streamConnections(d Director) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := connFilter(r)
		if err != nil {
			action(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
			return
		}
		lines, n := newLineWriter(w), 0
		for c, err := range d.Connections(r.Context(), f) {
			if err != nil {
				lines.fail(err)
				return
			}
			if lines.connection(&c) != nil {
				return // the client has gone
			}
			if n++; n == f.Limit {
				break
			}
		}
		if r.Context().Err() != nil { // a walk that was ended is not complete
			lines.fail(Errorf(ErrUnavailable, "the director is stopping"))
			return
		}
		lines.end()
	}
}

// connFilter reads what ConnFilter.query wrote.
func connFilter(r *http.Request) (ConnFilter, error) {
	if err := queryOnly(r, "vip", "server", "state", "client", "limit"); err != nil {
		return ConnFilter{}, err
	}
	q := r.URL.Query()
	f := ConnFilter{VIP: q.Get("vip"), Server: q.Get("server"), State: ConnState(q.Get("state"))}
	var err error
	if text := q.Get("client"); text != "" {
		if f.Client, err = netip.ParsePrefix(text); err != nil {
			return f, Errorf(ErrInvalid, "connections: client=%s is no prefix such as 203.0.113.0/24", text)
		}
	}
	if text := q.Get("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil {
			return f, Errorf(ErrInvalid, "connections: limit=%s is no number", text)
		}
	}
	return f, f.Validate()
}

func explainConnAction(d Director) action {
	return func(r *http.Request) (any, error) {
		if err := queryOnly(r, "client", "vip"); err != nil {
			return nil, err
		}
		q := r.URL.Query()
		client, err := netip.ParseAddrPort(q.Get("client"))
		if err != nil {
			return nil, Errorf(ErrInvalid, "explain: client=%s is no address:port such as 203.0.113.7:40312", q.Get("client"))
		}
		client = netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port()) // as in the table
		return d.Explain(r.Context(), ConnExplainRequest{Client: client, VIP: q.Get("vip")})
	}
}

func drainAction(d Director) action {
	return func(r *http.Request) (any, error) {
		if err := queryOnly(r); err != nil {
			return nil, err
		}
		var o DrainOrder
		if err := decode(r.Body, &o); err != nil {
			return nil, err
		}
		if err := o.Validate(time.Now()); err != nil {
			return nil, err
		}
		o.Set, o.Matches, o.Connections = time.Time{}, 0, 0
		return d.Drain(r.Context(), o)
	}
}

func undrainAction(d Director) action {
	return func(r *http.Request) (any, error) {
		if err := queryOnly(r, "server", "vip"); err != nil {
			return nil, err
		}
		q := r.URL.Query()
		if q.Get("server") == "" {
			return nil, Errorf(ErrInvalid, "undrain: parameter server is missing")
		}
		n, err := d.Undrain(r.Context(), q.Get("server"), q.Get("vip"))
		return cleared{n}, err
	}
}
