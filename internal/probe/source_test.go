package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// world is what a fake check finds, by address.
type world struct {
	mu      sync.Mutex
	answers map[netip.Addr]answer
	began   time.Time
	asked   map[netip.Addr][]time.Duration // when each address was asked
	running int
	most    int // checks at the same time
}

type answer struct {
	Result
	err   error
	takes time.Duration // until it answers, or the check's time is up
	deaf  bool          // does not notice that its time is up
}

var errRefused = errors.New("connection refused")

func newWorld() *world {
	return &world{
		answers: map[netip.Addr]answer{}, asked: map[netip.Addr][]time.Duration{}, began: time.Now(),
	}
}

func (w *world) set(addr string, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[netip.MustParseAddr(addr)] = a
}

func (w *world) times(addr string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked[netip.MustParseAddr(addr)])
}

func (w *world) check(ctx context.Context, t Target) (Result, error) {
	ip := t.Addr.Addr()
	w.mu.Lock()
	a := w.answers[ip]
	w.asked[ip] = append(w.asked[ip], time.Since(w.began))
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running--
	}()
	if a.deaf {
		time.Sleep(a.takes)
		return a.Result, a.err
	}
	if a.takes > 0 {
		select {
		case <-time.After(a.takes):
		case <-ctx.Done():
			return Result{}, errors.New("timeout")
		}
	}
	return a.Result, a.err
}

// follower runs a source and writes down what it hands over.
type follower struct {
	*Source
	mu    sync.Mutex
	began time.Time
	log   []string // "2s a=passing/4s ..."
	pools []*pool.Pool
	stop  func()
}

// follow starts a source; it ends with the test.
func follow(t *testing.T, s *Source) *follower {
	t.Helper()
	f := &follower{Source: s, began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, f.take) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		for i, p := range f.pools {
			if _, was, _ := strings.Cut(f.log[i], " "); show(p) != was {
				t.Errorf("a pool that was handed over changed from %q to %q", was, show(p))
			}
		}
	})
	t.Cleanup(f.stop)
	return f
}

func (f *follower) take(p *pool.Pool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, strings.TrimSpace(time.Since(f.began).String()+" "+show(p)))
	f.pools = append(f.pools, p)
}

func (f *follower) last() *pool.Pool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pools) == 0 {
		return nil
	}
	return f.pools[len(f.pools)-1]
}

// want waits until the time since the start is at and a bit, and compares all
// that was handed over so far.
func (f *follower) want(t *testing.T, at time.Duration, lines ...string) {
	t.Helper()
	time.Sleep(at + time.Millisecond - time.Since(f.began))
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.log, lines) {
		t.Fatalf("by %v handed over\n  %s\nwant\n  %s", at, strings.Join(f.log, "\n  "), strings.Join(lines, "\n  "))
	}
}

// show writes a pool as text: for each server its ID, health, flip, addresses
// if it has several, load and reason.
func show(p *pool.Pool) string {
	var words []string
	for _, s := range p.Servers {
		w := fmt.Sprintf("%s=%v/%v", s.ID, s.Health, s.Flip)
		if len(s.Addrs) > 1 {
			w += fmt.Sprint(s.Addrs)
		}
		if s.Load.Known() {
			w += fmt.Sprintf(" load %v", s.Load.Value)
		}
		if s.Reason != "" {
			w += " (" + s.Reason + ")"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func one(id string, addrs ...string) pool.Server {
	s := pool.Server{ID: id, Port: 80, Capacity: 1}
	for _, a := range addrs {
		s.Addrs = append(s.Addrs, netip.MustParseAddr(a))
	}
	return s
}

// exact is every 2s, up after 2, down after 3, and no jitter.
var exact = Options{Every: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3, Jitter: -1}

const ip1, ip2, ip6 = "192.0.2.1", "192.0.2.2", "2001:db8::1"

func TestSourceDownAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("_http._tcp.example.org.", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		log := []string{"0s a=passing/6s"}
		f.want(t, time.Second, log...)
		w.set(ip1, answer{err: errRefused})
		log = append(log,
			"2s a=passing/4s (failed 1 of 3: connection refused)",
			"4s a=passing/2s (failed 2 of 3: connection refused)",
			"6s a=critical/4s (connection refused)")
		f.want(t, 61*time.Second, log...)
		if p := f.last(); p.Service != "_http._tcp.example.org." || !p.Servers[0].Since.Equal(f.began.Add(6*time.Second)) {
			t.Errorf("service %q, since %v", p.Service, p.Servers[0].Since.Sub(f.began))
		}
		w.set(ip1, answer{})
		log = append(log,
			"1m2s a=critical/2s (passed 1 of 2, before: connection refused)",
			"1m4s a=passing/6s")
		f.want(t, 2*time.Minute, log...)
		if !f.last().Servers[0].Since.Equal(f.began.Add(64 * time.Second)) {
			t.Error("Since is not the time of the return")
		}
	})
}

func TestSourceFlapStaysUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		f.want(t, time.Second, "0s a=passing/6s")
		w.set(ip1, answer{err: errRefused})
		time.Sleep(4 * time.Second) // two failures
		w.set(ip1, answer{})
		f.want(t, time.Minute,
			"0s a=passing/6s",
			"2s a=passing/4s (failed 1 of 3: connection refused)",
			"4s a=passing/2s (failed 2 of 3: connection refused)",
			"6s a=passing/6s")
		if !f.last().Servers[0].Since.IsZero() {
			t.Error("Since is set although health never changed")
		}
	})
}

func TestSourceFirstPool(t *testing.T) {
	tests := []struct {
		name    string
		servers []pool.Server
		b       answer // of ip2; ip1 passes at once
		want    string
	}{
		{"all answer", []pool.Server{one("b", ip2), one("a", ip1)}, answer{}, "0s a=passing/6s b=passing/6s"},
		{"one is down", []pool.Server{one("a", ip1), one("b", ip2)}, answer{err: errRefused}, "0s a=passing/6s b=critical/4s (connection refused)"},
		{"it waits for the slowest", []pool.Server{one("a", ip1), one("b", ip2)}, answer{takes: 700 * time.Millisecond}, "700ms a=passing/6s b=passing/6s"},
		{"but no longer than the timeout", []pool.Server{one("a", ip1), one("b", ip2)}, answer{takes: time.Hour}, "1s a=passing/6s b=critical/4s (timeout)"},
		{"one cannot be checked", []pool.Server{one("a", ip1), one("b", ip2)}, answer{err: ErrUnable}, "0s a=passing/6s b=unknown/0s (cannot check)"},
		{"no servers", nil, answer{}, "0s"},
		{"a server without addresses", []pool.Server{one("a")}, answer{}, "0s a=critical/0s (no address)"},
		{"health from elsewhere does not count", []pool.Server{{ID: "a", Addrs: one("a", ip1).Addrs, Health: pool.Critical, Reason: "x"}}, answer{}, "0s a=passing/6s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.set(ip2, tt.b)
				f := follow(t, NewSource("web", tt.servers, w.check, exact, nil))
				f.want(t, 1900*time.Millisecond, tt.want)
			})
		})
	}
}

func TestSourceLoad(t *testing.T) {
	load := func(v float64) answer { return answer{Result: Result{Load: v, HasLoad: true}} }
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(ip1, load(0.4))
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		log := []string{"0s a=passing/6s load 0.4"}
		f.want(t, time.Second, log...)

		w.set(ip1, load(0.4049)) // noise
		f.want(t, 9*time.Second, log...)

		log = append(log, "10s a=passing/6s load 0.4") // its age matters
		f.want(t, 11*time.Second, log...)
		if at := f.last().Servers[0].Load.At.Sub(f.began); at < 8*time.Second {
			t.Errorf("load is of %v, want that of the last check", at)
		}

		w.set(ip1, load(0.5))
		log = append(log, "12s a=passing/6s load 0.5")
		f.want(t, 13*time.Second, log...)

		w.set(ip1, answer{}) // no longer tells: the last load ages
		f.want(t, 40*time.Second, log...)

		w.set(ip1, answer{err: errRefused})
		time.Sleep(6 * time.Second)
		w.set(ip1, answer{})
		time.Sleep(4 * time.Second)
		synctest.Wait()
		for _, p := range f.pools {
			if s := p.Servers[0]; s.Health == pool.Critical && s.Load != (pool.Load{}) {
				t.Errorf("a critical server has load %+v", s.Load)
			}
		}
		if s := f.last().Servers[0]; s.Health != pool.Passing || s.Load.Known() {
			t.Errorf("back as %v with load %+v of before", s.Health, s.Load)
		}

		w.set(ip1, load(1000))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := f.last().Servers[0].Load.Value; got != pool.MaxLoad {
			t.Errorf("load %v, want it clipped to %v", got, pool.MaxLoad)
		}
	})
}

// TestSourceLoadPace lets two servers report a new load 100 ms apart.
func TestSourceLoadPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		o := exact
		o.Every, o.Timeout = 200*time.Millisecond, 100*time.Millisecond
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1), one("b", ip2)}, w.check, o, nil))
		const first = "0s a=passing/600ms b=passing/600ms"
		f.want(t, 250*time.Millisecond, first)
		for i := range 40 {
			v := float64(i) / 100
			w.set(ip1, answer{Result: Result{Load: v, HasLoad: true}})
			w.set(ip2, answer{Result: Result{Load: v, HasLoad: true}})
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		f.mu.Lock()
		n := len(f.log)
		f.mu.Unlock()
		// Both loads become known at once; then at most five pools a second.
		if n < 15 || n > 25 {
			t.Errorf("%d pools in 4 s, want about 20", n)
		}
		if got := f.last().Servers[0].Load.Value; got < 0.35 {
			t.Errorf("the last load handed over is %v: too far behind", got)
		}
	})
}

func TestSourceReasonAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		time.Sleep(time.Second)
		for i := range 10 {
			w.set(ip1, answer{Result: Result{Detail: fmt.Sprintf("took %d ms", i)}})
			time.Sleep(2 * time.Second)
		}
		f.want(t, 21*time.Second,
			"0s a=passing/6s",
			"10s a=passing/6s (took 3 ms)",
			"20s a=passing/6s (took 8 ms)")
	})
}

func TestSourceWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		f.want(t, time.Second, "0s a=passing/6s")
		w.set(ip1, answer{Result: Result{Warning: true, Detail: "busy"}})
		f.want(t, 3*time.Second, "0s a=passing/6s", "2s a=warning/4s (busy)")
		w.set(ip1, answer{})
		f.want(t, 9*time.Second, "0s a=passing/6s", "2s a=warning/4s (busy)", "4s a=warning/2s", "6s a=passing/6s")
	})
}

func TestSourceAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(ip6, answer{err: errors.New("tcp [2001:db8::1]:80: network is unreachable")})
		o := exact
		o.Rise, o.Fall = 1, 1
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1, ip6)}, w.check, o, nil))
		down6 := "a=passing/2s (tcp [2001:db8::1]:80: network is unreachable)"
		log := []string{"0s " + down6}
		f.want(t, 500*time.Millisecond, log...)
		if got := f.last().Servers[0].Addrs; len(got) != 1 || got[0].String() != ip1 {
			t.Errorf("addresses %v, want only %s", got, ip1)
		}

		// The second check of ip1 is after 1s, of ip6 after 2s.
		w.set(ip1, answer{err: errRefused})
		log = append(log, "1s a=critical/2s[192.0.2.1 2001:db8::1] (connection refused; tcp [2001:db8::1]:80: network is unreachable)")
		f.want(t, 1500*time.Millisecond, log...)

		w.set(ip6, answer{})
		log = append(log, "2s a=passing/2s (connection refused)")
		f.want(t, 2500*time.Millisecond, log...)
		if got := f.last().Servers[0].Addrs; len(got) != 1 || got[0].String() != ip6 {
			t.Errorf("addresses %v, want only %s", got, ip6)
		}

		w.set(ip1, answer{})
		log = append(log, "3s a=passing/2s[192.0.2.1 2001:db8::1]")
		f.want(t, time.Minute, log...)
	})
}

func TestSourceUnable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		f.want(t, time.Second, "0s a=passing/6s")
		w.set(ip1, answer{err: fmt.Errorf("tcp 192.0.2.1:80: %w: too many open files", ErrUnable)})
		f.want(t, time.Minute, "0s a=passing/6s") // what it was
		const want = "1 of 1 checks cannot be made: tcp 192.0.2.1:80: cannot check: too many open files"
		if got := f.Status().Err; got != want {
			t.Errorf("status %q, want %q", got, want)
		}
		if got := f.Stats(); got.Unable != 30 || got.Failed != 0 || got.Runs != 31 {
			t.Errorf("%+v, want 30 of 31 unable", got)
		}
		w.set(ip1, answer{})
		time.Sleep(2 * time.Second)
		if got := f.Status().Err; got != "" {
			t.Errorf("status %q after the trouble", got)
		}
	})
}

func TestSourceStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1), one("b", ip2)}, must(t, Spec{Kind: "none"}), exact, nil))
		f.want(t, time.Hour, "0s a=passing/0s b=passing/0s")
		if got := f.Stats().Runs; got != 2 {
			t.Errorf("%d checks, want 2", got)
		}
		if age := f.Status().Age(time.Now()); age != 0 {
			t.Errorf("age %v of what cannot change", age)
		}
	})
}

func TestSourceStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := NewSource("web", []pool.Server{one("a", ip1), one("b", ip2)}, w.check, exact, nil)
		if got, want := s.Status(), (pool.Status{Source: "srv web"}); got != want {
			t.Errorf("before Run %+v, want %+v", got, want)
		}
		f := follow(t, s)
		time.Sleep(time.Second / 2)
		if got := s.Status(); !got.Confirmed.Equal(f.began) || got.Err != "" {
			t.Errorf("after the first round %+v", got)
		}
		time.Sleep(9 * time.Second)
		if age := s.Status().Age(time.Now()); age > 2*time.Second {
			t.Errorf("age %v", age)
		}
		w.set(ip1, answer{err: errRefused})
		time.Sleep(4 * time.Second)
		if got := s.Status().Err; got != "" {
			t.Errorf("%q while one of two passes", got)
		}
		w.set(ip2, answer{err: errRefused})
		time.Sleep(4 * time.Second)
		if got, want := s.Status().Err, "all 2 checks fail: connection refused"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		f.stop()
		if s.Status().Confirmed.IsZero() {
			t.Error("nothing confirmed after Run")
		}
	})
}

// TestSourceHangs wants a check that does not come back to be seen.
func TestSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1), one("b", ip2)}, w.check, exact, nil))
		time.Sleep(5 * time.Second)
		w.set(ip1, answer{deaf: true, takes: time.Hour})
		time.Sleep(time.Minute)
		if age := f.Status().Age(time.Now()); age < 55*time.Second {
			t.Errorf("age %v while one check hangs", age)
		}
		if s := f.Stats(); s.Running != 1 || s.Runs < 30 {
			t.Errorf("%+v, want one check to run and the other server to be asked on", s)
		}
		w.set(ip1, answer{})
		time.Sleep(time.Hour)
		if age := f.Status().Age(time.Now()); age > 4*time.Second {
			t.Errorf("age %v after the check came back", age)
		}
	})
}

func TestSourceStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(ip1, answer{takes: time.Hour})
		f := follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, exact, nil))
		time.Sleep(time.Second / 2)
		began := time.Now()
		f.stop()
		if took := time.Since(began); took != 0 {
			t.Errorf("stopping took %v", took)
		}
		if s := f.Stats(); s.Failed != 0 || f.Status().Err != "" || f.last() != nil {
			t.Errorf("%+v %+v: a check that was stopped counts as failed", s, f.Status())
		}
	})
}

// TestWavering: from the first answer against a server's health until it
// changes or the next answer for it, and not at rest.
func TestWavering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", []pool.Server{one("a", "192.0.2.1")}, w.check, Options{Every: 2 * time.Second, Fall: 2, Rise: 2, Jitter: -1}, nil))
		at := time.Duration(0)
		for _, step := range []struct {
			name     string
			err      error
			health   pool.Health
			wavering bool
		}{
			{"first success", nil, pool.Passing, false},
			{"first failure", errRefused, pool.Passing, true},
			{"success again", nil, pool.Passing, false},
			{"failure", errRefused, pool.Passing, true},
			{"failure: down", errRefused, pool.Critical, false},
			{"down at rest", errRefused, pool.Critical, false},
			{"success", nil, pool.Critical, true},
			{"success: up", nil, pool.Passing, false},
		} {
			w.set("192.0.2.1", answer{err: step.err})
			time.Sleep(at + time.Millisecond - time.Since(f.began))
			synctest.Wait()
			s := f.last().Servers[0]
			if s.Health != step.health || s.Wavering != step.wavering {
				t.Errorf("%s: %v, wavering %v; want %v, %v", step.name, s.Health, s.Wavering, step.health, step.wavering)
			}
			at += 2 * time.Second
		}
	})
}
