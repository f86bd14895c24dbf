package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// patience bounds each wait for something that shall happen.
const patience = 10 * time.Second

// agentServer is a real HTTP server that answers as the test wants.
type agentServer struct {
	*httptest.Server
	addr    netip.AddrPort
	handler atomic.Pointer[http.HandlerFunc]
	conns   atomic.Int64 // opened so far
	open    atomic.Int64 // connections now
	asked   atomic.Int64
}

func serve(t *testing.T, h http.HandlerFunc) *agentServer {
	t.Helper()
	s := &agentServer{}
	s.set(h)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.handler.Load())(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.conns.Add(1)
			s.open.Add(1)
		case http.StateClosed:
			s.open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	s.addr = netip.MustParseAddrPort(s.Listener.Addr().String())
	return s
}

func (s *agentServer) set(h http.HandlerFunc) { s.handler.Store(&h) }

// reporting answers as an agent does.
func reporting(r pool.Report) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !r.Health.Alive() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(r)
	}
}

func text(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

var good = pool.Report{Load: 0.42, Connections: 7, Boot: "b00", Seq: 1, Health: pool.Passing}

func TestAnswers(t *testing.T) {
	server := serve(t, nil)
	s, err := New(&inner{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	asker := s.newAsker()
	t.Cleanup(asker.close)
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		err     string // empty for a report
		bad     bool
	}{
		{"a report", reporting(good), "", false},
		{"critical, with 503", reporting(pool.Report{Load: 0.1, Boot: "b", Health: pool.Critical}), "", false},
		{"drained, with 503", reporting(pool.Report{Load: 0.1, Boot: "b", Health: pool.Drained}), "", false},
		{"of the longest", text(200, `{"load":1,"boot":"b","reason":"`+strings.Repeat("x", 4096-31-2)+"\"}\n"), "", false},
		{"one byte too long", text(200, `{"load":1,"boot":"b","reason":"`+strings.Repeat("x", 4096-31-1)+"\"}\n"), "longer than", true},
		{"before the first sample", text(503, "no sample yet"), "no report yet", false},
		{"bad JSON", text(200, `{"load":`), "report:", true},
		{"JSON of something else", text(200, `{}`), "no report", true},
		{"nothing", text(200, ""), "report:", true},
		{"out of range", text(200, `{"load":11,"boot":"b"}`), "not within", true},
		{"not found", text(404, "page not found"), "404 Not Found", true},
		{"no token", text(401, "the agent's bearer token is needed"), "no token file is configured", true},
		{"a redirect is not followed", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/v1/report", http.StatusFound)
		}, "302 Found", true},
		{"a huge body", func(w http.ResponseWriter, _ *http.Request) {
			for block := make([]byte, 1<<16); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "longer than", true},
		{"a huge header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			w.WriteHeader(200)
		}, "header", false},
		{"a slow body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write([]byte(" "))
				http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(5 * time.Millisecond):
				}
			}
		}, "deadline exceeded", false},
		{"none", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded", false},
		{"cut short", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.set(c.handler)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			r, err := asker.ask(ctx, server.addr)
			_, bad := err.(badReport) //nolint:errorlint // not wrapped
			if c.err == "" && (err != nil || r.Boot == "") {
				t.Errorf("got %+v, %v", r, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || bad != c.bad) {
				t.Errorf("error %v (bad %v), want one with %q (bad %v)", err, bad, c.err, c.bad)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		server.Close()
		if _, err := asker.ask(t.Context(), server.addr); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("error %v", err)
		}
	})
}

func TestTokenIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	want := atomic.Pointer[string]{}
	want.Store(new("first"))
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*want.Load() {
			text(401, "the agent's bearer token is needed")(w, r)
			return
		}
		reporting(good)(w, r)
	})
	s, err := New(&inner{}, Options{TokenFile: path})
	if err != nil {
		t.Fatal(err)
	}
	asker := s.newAsker()
	t.Cleanup(asker.close)
	if _, err := asker.ask(t.Context(), server.addr); err != nil {
		t.Fatal(err)
	}
	want.Store(new("renewed"))
	_, err = asker.ask(t.Context(), server.addr)
	if err == nil || !strings.Contains(err.Error(), "401") || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "first") {
		t.Errorf("wrong token: %v", err)
	}
	write("renewed\n")
	eventually(t, "the new token", func() bool {
		_, err := asker.ask(t.Context(), server.addr)
		return err == nil
	})
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// follow runs a source over real servers, dialled at their own ports by the
// addresses that the pool has of them.
func follow(t *testing.T, o Options, servers map[string]*agentServer) (*inner, *Source, *atomic.Pointer[pool.Pool]) {
	t.Helper()
	o.Interval = minInterval
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		s := servers[host]
		if s == nil {
			return nil, fmt.Errorf("dial %s: no route to host", address)
		}
		return new(net.Dialer).DialContext(ctx, network, s.addr.String())
	}
	in := &inner{pools: make(chan *pool.Pool), err: make(chan error)}
	s, err := New(in, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	last := &atomic.Pointer[pool.Pool]{}
	go func() { done <- s.Run(ctx, last.Store) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return in, s, last
}

// TestRealAgents has one good agent, one that hangs, one that floods and one
// that is not there, and then a restart of the good one's server.
func TestRealAgents(t *testing.T) {
	web := serve(t, reporting(good))
	stuck := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	flood := serve(t, text(200, strings.Repeat("x", 1<<20)))
	in, source, last := follow(t, Options{}, map[string]*agentServer{"10.0.0.1": web, "2001:db8::2": stuck, "10.0.0.3": flood})
	p := servers("10.0.0.1", "2001:db8::2", "10.0.0.3", "10.0.0.4")
	in.pools <- p
	load := func() pool.Load {
		if p := last.Load(); p != nil {
			return p.Find("10.0.0.1").Load
		}
		return pool.Load{}
	}
	eventually(t, "a load", func() bool { return load().Value == 0.42 && load().Connections == 7 })
	eventually(t, "all troubles", func() bool { return len(source.Troubles()) == 3 })
	for id, want := range map[string]string{
		"2001:db8::2": "agent at [2001:db8::2]:9155: no answer within 50ms", "10.0.0.3": "longer than", "10.0.0.4": "no route",
	} {
		if got := source.Troubles()[id]; !strings.Contains(got, want) {
			t.Errorf("trouble of %s: %q, want %q", id, got, want)
		}
	}
	if err := source.Status().Err; !strings.Contains(err, "server 10.0.0.3: ") || strings.Contains(err, "more") {
		t.Errorf("status: %s", err)
	}

	again := good
	again.Boot, again.Load, again.Seq, again.Health, again.Reason = "b01", 0.95, 1, pool.Warning, "overloaded"
	web.set(reporting(again))
	eventually(t, "the restart", func() bool { return load().Boot == "b01" && load().Value == 0.95 })
	if s := last.Load().Find("10.0.0.1"); s.Health != pool.Warning || s.Reason != "agent: overloaded" {
		t.Errorf("overloaded: %+v", s)
	}
	asked := web.asked.Load()
	eventually(t, "more questions", func() bool { return web.asked.Load() > asked+5 })
	if n := web.conns.Load(); n != 1 {
		t.Errorf("%d connections to one agent", n)
	}
}

// TestConnectionEndsWithTheServer counts what an agent sees when its server
// leaves the pool.
func TestConnectionEndsWithTheServer(t *testing.T) {
	web := serve(t, reporting(good))
	in, _, _ := follow(t, Options{}, map[string]*agentServer{"10.0.0.1": web})
	in.pools <- servers("10.0.0.1")
	eventually(t, "a question", func() bool { return web.asked.Load() > 2 && web.open.Load() == 1 })
	in.pools <- servers()
	eventually(t, "no connection", func() bool { return web.open.Load() == 0 })
}
