package probe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// hang keeps a request until its client has gone.
func hang(r *http.Request) { <-r.Context().Done() }

func TestHTTP(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		timeout time.Duration
		want    Result
		err     string
	}{
		{
			name:    "200",
			handler: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fine") },
		},
		{
			name:    "204 has no body",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		},
		{
			name: "a redirect passes and is not followed",
			handler: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
			},
		},
		{
			name:    "404",
			handler: http.NotFound,
			err:     "http ADDR/healthz?full=1: status 404",
		},
		{
			name:    "500",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
			err:     "http ADDR/healthz?full=1: status 500",
		},
		{
			name:    "503",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
			err:     "http ADDR/healthz?full=1: status 503",
		},
		{
			name: "early hints are not the answer",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(500)
			},
			err: "http ADDR/healthz?full=1: status 500",
		},
		{
			name:    "load",
			handler: withLoad("TEXT application_utilization=0.42, cpu_utilization=0.9"),
			want:    Result{Load: 0.42, HasLoad: true},
		},
		{
			name:    "load as JSON",
			handler: withLoad(`JSON {"cpu_utilization": 1.5}`),
			want:    Result{Load: 1.5, HasLoad: true},
		},
		{
			name:    "a malformed load is a remark and no load",
			handler: withLoad("TEXT application_utilization=lots"),
			want:    Result{Detail: `Endpoint-Load-Metrics: load header: "application_utilization=lots" is not NAME=NUMBER`},
		},
		{
			name:    "a load out of range is a remark and no load",
			handler: withLoad("TEXT cpu_utilization=-1"),
			want:    Result{Detail: "Endpoint-Load-Metrics: load -1 is not within 0 and 10"},
		},
		{
			name:    "no answer",
			handler: func(_ http.ResponseWriter, r *http.Request) { hang(r) },
			timeout: 50 * time.Millisecond,
			err:     "http ADDR/healthz?full=1: timeout after 50ms",
		},
		{
			name: "a body that never ends",
			handler: func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte("a"))
				_ = http.NewResponseController(w).Flush()
				hang(r)
			},
			timeout: 50 * time.Millisecond,
			err:     "http ADDR/healthz?full=1: timeout after 50ms",
		},
		{
			name: "a body longer than is read",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, strings.Repeat("a", 4*maxResponse))
			},
		},
		{
			name: "a body that breaks off",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = w.Write([]byte("a"))
			},
			err: "http ADDR/healthz?full=1: connection closed early",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.handler)
			defer s.Close()
			target := Target{Addr: addrOf(s.Listener.Addr())}
			timeout := tt.timeout
			if timeout == 0 {
				timeout = ample
			}
			r, err := probe(t, Spec{Kind: "http", Path: "/healthz?full=1"}, target, timeout)
			wantErr(t, err, target, tt.err)
			if r != tt.want {
				t.Errorf("%+v, want %+v", r, tt.want)
			}
		})
	}
}

func withLoad(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(pool.LoadHeader, value) }
}

// TestHTTPRequest looks at what a server gets to see.
func TestHTTPRequest(t *testing.T) {
	tests := []struct {
		name       string
		spec       Spec
		host, want string // want: host, path, connection
	}{
		{"the server's own name", Spec{}, "api1.example.org.", "api1.example.org / close"},
		{"the configured host wins", Spec{Host: "www.example.org", Path: "/a?b=c"}, "api1.example.org.", "www.example.org /a?b=c close"},
		{"neither", Spec{}, "", "ADDR / close"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				connection := "keep"
				if r.Close {
					connection = "close"
				}
				got <- r.Host + " " + r.RequestURI + " " + connection
			}))
			defer s.Close()
			target := Target{Addr: addrOf(s.Listener.Addr()), Host: tt.host}
			tt.spec.Kind = "http"
			if _, err := probe(t, tt.spec, target, ample); err != nil {
				t.Fatal(err)
			}
			if got, want := <-got, strings.ReplaceAll(tt.want, "ADDR", target.Addr.String()); got != want {
				t.Errorf("server saw %q, want %q", got, want)
			}
		})
	}
}

// TestHTTPBroken talks to servers that speak no HTTP.
func TestHTTPBroken(t *testing.T) {
	tests := []struct {
		name  string
		serve func(net.Conn)
		err   string
	}{
		{"closes at once", func(net.Conn) {}, "http ADDR/: connection closed early"},
		{"says something else", func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ESMTP\r\n") }, `http ADDR/: malformed HTTP status code "mail"`},
		{"never ends its header", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "xxxxxxxxxxxxxxxx"); err != nil {
					return
				}
			}
		}, "http ADDR/: " + `malformed MIME header: missing colon: "` + strings.Repeat("x", maxText-len(`malformed MIME header: missing colon: "`))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := Target{Addr: serve(t, tt.serve)}
			_, err := probe(t, Spec{Kind: "http"}, target, ample)
			wantErr(t, err, target, tt.err)
		})
	}
}

// serve accepts one connection, reads the beginning of the request and leaves
// the rest to handle.
func serve(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 4096))
		handle(c)
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return addrOf(l.Addr())
}
