package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxBody bounds a request's body in bytes.
	maxBody = 16 << 10
	// writeTimeout bounds an answer, and each part of one that is streamed.
	writeTimeout = 30 * time.Second
)

// Process tells who serves a socket.
type Process struct {
	PID int `json:"pid"`
	// Instance differs between any two processes, also where both are pid 1
	// of containers that share a directory.
	Instance string `json:"instance"`
}

// instance is this process's own.
var instance = sync.OnceValue(rand.Text)

// Serve answers for s on l until ctx ends, and then closes l, waits a moment
// for requests under way and returns nil. Trouble with single requests goes to
// logf, which may be nil.
func Serve(ctx context.Context, l net.Listener, s Service, logf func(format string, args ...any)) error {
	return answer(ctx, l, newHandler(s), logf)
}

// answer lets h answer on l until ctx ends.
func answer(ctx context.Context, l net.Listener, h http.Handler, logf func(string, ...any)) error {
	server := newServer(ctx, h, logf)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		l.Close()
		return fmt.Errorf("serve control socket %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	<-ended //nolint:errcheck // it is http.ErrServerClosed
	return nil
}

func newServer(ctx context.Context, h http.Handler, logf func(string, ...any)) *http.Server {
	return &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxBody,
		ErrorLog:          log.New(logWriter(logf), "", 0),
	}
}

// logWriter hands each line that is written to it to a log function.
type logWriter func(format string, args ...any)

func (w logWriter) Write(b []byte) (int, error) {
	if w != nil {
		w("control socket: %s", strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

// action answers one kind of request: with a value to send, or an error.
type action func(r *http.Request) (any, error)

func newHandler(s Service) http.Handler {
	return newMux("a name server", map[string]http.Handler{
		"GET /v1/status": action(func(r *http.Request) (any, error) {
			if err := queryOnly(r); err != nil {
				return nil, err
			}
			return s.Status(r.Context())
		}),
		"GET /v1/explain":      explainAction(s),
		"PUT /v1/overrides":    setAction(s),
		"DELETE /v1/overrides": clearAction(s),
	})
}

// newMux routes requests, and tells who is asked where nothing answers.
func newMux(owner string, routes map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.Handle(pattern, h)
	}
	mux.Handle("GET /v1/process", action(func(r *http.Request) (any, error) {
		return Process{PID: os.Getpid(), Instance: instance()}, queryOnly(r)
	}))
	mux.Handle("/", action(func(r *http.Request) (any, error) {
		return nil, Errorf(ErrNotFound, "nothing here answers %s %s: this is the control socket of %s", r.Method, r.URL.Path, owner)
	}))
	return mux
}

func explainAction(s Service) action {
	return func(r *http.Request) (any, error) {
		if err := queryOnly(r, "name", "type", "from"); err != nil {
			return nil, err
		}
		q := r.URL.Query()
		request := ExplainRequest{Name: q.Get("name"), Type: strings.ToUpper(q.Get("type"))}
		if request.Name == "" {
			return nil, Errorf(ErrInvalid, "explain: parameter name is missing")
		}
		if request.Type == "" {
			request.Type = "A"
		}
		if from := q.Get("from"); from != "" {
			var err error
			if request.From, err = netip.ParsePrefix(from); err != nil {
				return nil, Errorf(ErrInvalid, "explain: from=%s is no prefix such as 203.0.113.0/24", from)
			}
		}
		return s.Explain(r.Context(), request)
	}
}

// overrideBody is an Override whose factor may be left out.
type overrideBody struct {
	Override
	Factor *float64 `json:"factor"`
}

func setAction(s Service) action {
	return func(r *http.Request) (any, error) {
		if err := queryOnly(r); err != nil {
			return nil, err
		}
		var body overrideBody
		if err := decode(r.Body, &body); err != nil {
			return nil, err
		}
		o := body.Override
		if body.Factor != nil {
			o.Factor = *body.Factor
		} else if !o.Drain {
			return nil, Errorf(ErrInvalid, "an override needs a factor or drain")
		}
		if err := o.Validate(time.Now()); err != nil {
			return nil, err
		}
		o.Set, o.Matches, o.Served = time.Time{}, 0, 0
		return s.SetOverride(r.Context(), o)
	}
}

// cleared is the answer to DELETE.
type cleared struct {
	Cleared int `json:"cleared"`
}

func clearAction(s Service) action {
	return func(r *http.Request) (any, error) {
		if err := queryOnly(r, "server", "name"); err != nil {
			return nil, err
		}
		q := r.URL.Query()
		if q.Get("server") == "" {
			return nil, Errorf(ErrInvalid, "clear: parameter server is missing")
		}
		n, err := s.ClearOverride(r.Context(), q.Get("server"), q.Get("name"))
		return cleared{n}, err
	}
}

// queryOnly refuses parameters other than the known, each at most once.
func queryOnly(r *http.Request, known ...string) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Errorf(ErrInvalid, "parameters: %v", err)
	}
	for name, values := range q {
		switch {
		case !slices.Contains(known, name):
			return Errorf(ErrInvalid, "unknown parameter %q", name)
		case len(values) > 1:
			return Errorf(ErrInvalid, "parameter %q is given %d times", name, len(values))
		}
	}
	return nil
}

// decode reads one JSON value and nothing else, and knows all of its fields.
func decode(body io.Reader, v any) error {
	limited := &io.LimitedReader{R: body, N: maxBody + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	switch {
	case limited.N <= 0:
		return Errorf(ErrInvalid, "request body is longer than %d bytes", maxBody)
	case err != nil:
		return Errorf(ErrInvalid, "request body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
