package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestClientAndServer(t *testing.T) {
	load := 0.42
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	member := MemberStatus{
		ID: "web-1", Host: "web1.example.org.", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.11")},
		Port: 80, Health: pool.Warning, HealthWhy: "load", Load: &load, LoadAge: Seconds(1500 * time.Millisecond),
		Weight: 2, Share: 0.5, Answers: 1 << 40, In: true, Why: []string{"load 0.42"},
	}
	rec := &recorder{
		status: Status{Program: "coredns", Version: "1", PID: 7, Started: at,
			Zones: []ZoneStatus{{Origin: "example.org.", File: "example.org.zone", Serial: 1 << 31, Loaded: at,
				Err: "line 3", Failed: at, Names: []NameStatus{{Name: "www.example.org.", TTL: Seconds(30 * time.Second), Members: []MemberStatus{member}}}}},
			Sources:   []SourceStatus{{Source: "consul web", Age: Seconds(time.Second), Servers: 3}},
			Overrides: []Override{{Server: "web-*", Drain: true, Set: at}},
		},
		explanation: Explanation{Name: "www.example.org.", TTL: Seconds(time.Minute), Drawn: []string{"web-1"},
			Bounds:  []Bound{{Name: "flip", TTL: Seconds(10 * time.Second), Server: "web-1"}},
			Members: []ExplainedMember{{MemberStatus: member, Factors: Factors{1, 1, 0.5, 1, 1}}}},
	}
	client := Dial(serve(t, rec))

	t.Run("status arrives whole", func(t *testing.T) {
		got, err := client.Status(t.Context())
		if err != nil || !reflect.DeepEqual(got, rec.status) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, rec.status)
		}
	})
	t.Run("explain with a prefix", func(t *testing.T) {
		from := netip.MustParsePrefix("2001:db8::/56")
		got, err := client.Explain(t.Context(), ExplainRequest{Name: "www.example.org", Type: "aaaa", From: from})
		if err != nil || !reflect.DeepEqual(got, rec.explanation) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, rec.explanation)
		}
		if want := (ExplainRequest{Name: "www.example.org", Type: "AAAA", From: from}); rec.request != want {
			t.Errorf("asked %+v, want %+v", rec.request, want)
		}
	})
	t.Run("the type is A if not told", func(t *testing.T) {
		if _, err := client.Explain(t.Context(), ExplainRequest{Name: "www"}); err != nil || rec.request.Type != "A" || rec.request.From.IsValid() {
			t.Errorf("asked %+v, %v", rec.request, err)
		}
	})
	t.Run("override", func(t *testing.T) {
		until := time.Now().Add(time.Hour).Round(0)
		want := Override{Server: "web-[12]", Name: "www", Factor: 0.5, Until: until, By: "root: test"}
		sent := want
		sent.Matches, sent.Set = 99, at // the server's to fill in
		got, err := client.SetOverride(t.Context(), sent)
		if err != nil || got.Matches != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
		if !rec.override.Until.Equal(until) {
			t.Errorf("until %v, want %v", rec.override.Until, until)
		}
		rec.override.Until = want.Until
		if rec.override != want {
			t.Errorf("set %+v, want %+v", rec.override, want)
		}
	})
	t.Run("clear", func(t *testing.T) {
		n, err := client.ClearOverride(t.Context(), "web/1 &x=y", "www")
		if err != nil || n != 1 || !slices.Contains(rec.calls, "clear web/1 &x=y www") {
			t.Errorf("got %d, %v; calls %q", n, err, rec.calls)
		}
	})
}

func TestErrorsKeepKindAndMessage(t *testing.T) {
	rec := &recorder{}
	client := Dial(serve(t, rec))
	for _, kind := range []error{ErrNotFound, ErrInvalid, ErrConflict, ErrUnavailable} {
		t.Run(kind.Error(), func(t *testing.T) {
			const text = `no LB "www.example.org" 100% here`
			rec.err = Errorf(kind, "%s", text)
			_, err := client.Explain(t.Context(), ExplainRequest{Name: "www.example.org"})
			if !errors.Is(err, kind) || err.Error() != text {
				t.Errorf("got %v, want %q of kind %v", err, text, kind)
			}
			for _, other := range kinds {
				if other.err != kind && errors.Is(err, other.err) { //nolint:errorlint // identity is meant
					t.Errorf("%v is also %v", err, other.err)
				}
			}
		})
	}
	t.Run("any other", func(t *testing.T) {
		rec.err = errors.New("disk on fire")
		if _, err := client.Status(t.Context()); err == nil || err.Error() != "disk on fire" {
			t.Errorf("got %v", err)
		}
	})
}

func TestUnreachable(t *testing.T) {
	dir := socketDir(t)
	t.Run("nothing there", func(t *testing.T) {
		path := filepath.Join(dir, "none.sock")
		_, err := Dial(path).Status(t.Context())
		wantError(t, err, path, "no such file", "is coredns running with the ballast plugin?", "--socket")
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v is not ErrUnreachable", err)
		}
	})
	t.Run("left behind", func(t *testing.T) {
		path := stale(t, dir)
		_, err := Dial(path).Status(t.Context())
		wantError(t, err, path, "connection refused")
	})
	t.Run("not ours to open", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Log("root may open everything: only the text is tested")
		}
		err := Dial("x.sock").unreachable(os.ErrPermission)
		wantError(t, err, "x.sock", "run as root or as the socket's user or group")
	})
	t.Run("another program's", func(t *testing.T) {
		path := serveHTTP(t, dir, http.NotFoundHandler())
		_, err := Dial(path).Status(t.Context())
		wantError(t, err, path, "404", "no ballast")
	})
}

// A server that is told to end does not wait for a request that never does.
func TestServeEndsWithRequestsUnderWay(t *testing.T) {
	rec := &recorder{block: make(chan struct{})}
	path := filepath.Join(socketDir(t), socketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, l, rec)
	asked := make(chan error, 1)
	go func() {
		_, err := Dial(path).Status(context.WithoutCancel(t.Context()))
		asked <- err
	}()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		rec.mu.Lock()
		n := len(rec.calls)
		rec.mu.Unlock()
		if n > 0 || time.Now().After(deadline) {
			break
		}
	}
	stop()
	if err := <-asked; err == nil {
		t.Error("the request was answered")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestReloadCutsRequestOff has the old instance close the socket on which a request
// waits, as a reload may.
func TestReloadCutsRequestOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "s")
	old, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := make(chan net.Listener)
	go func() {
		c, err := old.Accept()
		if err != nil {
			t.Error(err)
		}
		os.Remove(path)
		next, err := Listen(path)
		if err != nil {
			t.Error(err)
		}
		c.Close()
		old.Close()
		cut <- next
	}()
	rec := &recorder{}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- Serve(ctx, <-cut, rec, nil) }()
	if _, err := Dial(path).SetOverride(t.Context(), Override{Server: "web-1", Drain: true}); err != nil {
		t.Errorf("The order was not taken: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
