package probe

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// TestSourceReal follows real servers: one that breaks and mends, one that is
// not there.
func TestSourceReal(t *testing.T) {
	var broken atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(pool.LoadHeader, "TEXT cpu_utilization=0.25")
		if broken.Load() {
			w.WriteHeader(500)
		}
	}))
	defer s.Close()
	web, gone := addrOf(s.Listener.Addr()), closedPort(t)
	servers := []pool.Server{one("web", "127.0.0.1"), one("gone", "127.0.0.1")}
	servers[0].Port, servers[1].Port = web.Port(), gone.Port()
	o := Options{Every: 250 * time.Millisecond, Rise: 2, Fall: 2}
	f := follow(t, NewSource("web", servers, must(t, Spec{Kind: "http"}), o, nil))

	eventually(t, f, "web=passing/500ms load 0.25")
	eventually(t, f, fmt.Sprintf("gone=critical/500ms (http %v/: connection refused)", gone))
	broken.Store(true)
	eventually(t, f, fmt.Sprintf("web=critical/500ms (http %v/: ", web))
	broken.Store(false)
	eventually(t, f, "web=passing/500ms load 0.25")
	if age := f.Status().Age(time.Now()); age > ample {
		t.Errorf("age %v", age)
	}
}

// eventually waits for a pool that reads so.
func eventually(t *testing.T, f *follower, want string) {
	t.Helper()
	for deadline := time.Now().Add(ample); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if p := f.last(); p != nil && strings.Contains(show(p), want) {
			return
		}
	}
	t.Fatalf("never %s; last %+v", want, f.last())
}

// accept takes connections and closes them.
func accept(b *testing.B) net.Addr {
	l := listen(b, "127.0.0.1:0")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	b.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr()
}

// BenchmarkTCP is one whole check, accepting side included: 1000 times its
// ns/op is the CPU that 1000 checks take.
func BenchmarkTCP(b *testing.B) {
	target, check := Target{Addr: addrOf(accept(b))}, must(b, Spec{Kind: "tcp"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check(b.Context(), target); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTTP is one whole check, answering side included.
func BenchmarkHTTP(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	target, check := Target{Addr: addrOf(s.Listener.Addr())}, must(b, Spec{Kind: "http"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check(b.Context(), target); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOutcome is what one check costs besides the check, in a pool of
// 10,000 servers where nothing changes.
func BenchmarkOutcome(b *testing.B) {
	s := NewSource("web", many(10000), nil, Options{Limit: 1}, nil)
	l := newLoop(s, func(*pool.Pool) {})
	b.ReportAllocs()
	for b.Loop() {
		task, _ := l.schedule.take(time.Now().Add(time.Hour))
		l.plan(task)
		l.running++
		l.take(outcome{task: task, ended: time.Now()})
	}
}

// BenchmarkPublish is one change in a pool of 10,000.
func BenchmarkPublish(b *testing.B) {
	s := NewSource("web", many(10000), nil, Options{}, nil)
	l := newLoop(s, func(*pool.Pool) {})
	l.outlet.opened = true
	l.outlet.flush(s, time.Now())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.servers[0].now.Flip = time.Duration(i + 1)
		l.outlet.wait = 0
		l.outlet.flush(s, time.Now())
	}
}
