package consultest

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// Fault changes what becomes of the requests through a Proxy.
type Fault func(next http.Handler) http.Handler

// Proxy stands before a real Consul and misbehaves on demand.
type Proxy struct {
	Addr string // host:port to use instead of Consul's

	server   *httptest.Server
	upstream *http.Transport
	forward  *httputil.ReverseProxy
	fault    atomic.Pointer[Fault]
	requests atomic.Int64
	open     atomic.Int64
}

// Proxy starts a faultless proxy that ends with the test.
func (c *Consul) Proxy(t testing.TB) *Proxy {
	p := c.NewProxy()
	t.Cleanup(p.Close)
	return p
}

// NewProxy starts a faultless proxy that ends with Close.
func (c *Consul) NewProxy() *Proxy {
	target := &url.URL{Scheme: "http", Host: c.Addr}
	p := &Proxy{upstream: &http.Transport{MaxIdleConnsPerHost: 1 << 12}}
	p.forward = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: p.upstream,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.Start()
	p.Addr = p.server.Listener.Addr().String()
	return p
}

// Close ends the proxy and what it still forwards.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
	p.upstream.CloseIdleConnections()
}

// Set replaces the present fault for requests that begin from now on; nil
// ends it.
func (p *Proxy) Set(f Fault) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Cut closes all connections, with the requests that are under way.
func (p *Proxy) Cut() { p.server.CloseClientConnections() }

// Requests is how many requests began.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

// Open is how many requests are under way.
func (p *Proxy) Open() int64 { return p.open.Load() }

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	p.open.Add(1)
	defer p.open.Add(-1)
	handler := http.Handler(p.forward)
	if f := p.fault.Load(); f != nil {
		handler = (*f)(handler)
	}
	handler.ServeHTTP(w, r)
}

// Answer replaces every answer.
func Answer(code int, body string) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			w.Header().Set("X-Consul-KnownLeader", "true")
			w.Header().Set("X-Consul-LastContact", "0")
			w.WriteHeader(code)
			io.WriteString(w, body)
		})
	}
}

// Replaying is a server that has just started: it knows its leader, but has no
// instances of anything yet, and only consistent queries wait for its log.
func Replaying() Fault { return Behind("[]") }

// Behind is a server that has not replayed its log further than to an older answer;
// consistent queries wait for all of it.
func Behind(older string) Fault {
	return func(next http.Handler) http.Handler {
		behind := Answer(http.StatusOK, older)(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("consistent") {
				next.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// BlackHole never answers.
func BlackHole() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}
}

// Reset drops the connection instead of an answer.
func Reset() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// Delay holds each request back.
func Delay(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// Header replaces a header of each answer.
func Header(key string, change func(value string) string) Fault {
	return edit(func(r *answer) { r.header.Set(key, change(r.header.Get(key))) })
}

// Index rewrites the index of each answer.
func Index(change func(index uint64) uint64) Fault {
	return Header("X-Consul-Index", func(value string) string {
		index, _ := strconv.ParseUint(value, 10, 64)
		return strconv.FormatUint(change(index), 10)
	})
}

// Body rewrites the body of each answer.
func Body(change func(body []byte) []byte) Fault {
	return edit(func(r *answer) { r.body = change(r.body) })
}

// Truncate breaks each answer off in the middle.
func Truncate() Fault {
	return edit(func(r *answer) { r.length, r.body = len(r.body), r.body[:len(r.body)/2] })
}

// answer is what edit changes.
type answer struct {
	header http.Header
	body   []byte
	length int // announced; 0 for the body's
}

func edit(change func(*answer)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			a := &answer{header: rec.Header(), body: bytes.Clone(rec.Body.Bytes())}
			change(a)
			for key, values := range a.header {
				w.Header()[key] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(max(a.length, len(a.body))))
			w.WriteHeader(rec.Code)
			w.Write(a.body)
			if a.length > len(a.body) {
				panic(http.ErrAbortHandler)
			}
		})
	}
}
