package reports

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

// inner is a pool.Source that a test speaks for.
type inner struct {
	pools chan *pool.Pool
	err   chan error
}

func (s *inner) Run(ctx context.Context, publish func(*pool.Pool)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.err:
			return err
		case p := <-s.pools:
			publish(p)
		}
	}
}

func (s *inner) Status() pool.Status { return pool.Status{Source: "consul web", Confirmed: t0} }

// agents answer for all servers, by address.
type agents struct {
	mu      sync.Mutex
	answers map[string]func(context.Context) (pool.Report, error)
	asked   map[string][]time.Duration
	begin   time.Time
	open    int
	most    int // open at once
}

func (a *agents) set(addr string, answer func(context.Context) (pool.Report, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[addr] = answer
}

func (a *agents) times(addr string) []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	times := a.asked[addr]
	delete(a.asked, addr)
	return times
}

func (a *agents) ask(ctx context.Context, at netip.AddrPort) (pool.Report, error) {
	addr := at.Addr().String()
	a.mu.Lock()
	answer := a.answers[addr]
	a.asked[addr] = append(a.asked[addr], time.Since(a.begin))
	a.open++
	a.most = max(a.most, a.open)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.open--
	}()
	if answer == nil {
		return pool.Report{}, errors.New("connection refused")
	}
	return answer(ctx)
}

func (a *agents) close() {}

// says answers with a report, of a new sample each time.
func says(load float64, boot string, h pool.Health) func(context.Context) (pool.Report, error) {
	return func(context.Context) (pool.Report, error) {
		return pool.Report{Load: load, Boot: boot, Health: h, Reason: "as told"}, nil
	}
}

func hangs(ctx context.Context) (pool.Report, error) {
	<-ctx.Done()
	return pool.Report{}, ctx.Err()
}

// publication is a pool and when it came.
type publication struct {
	at time.Duration
	*pool.Pool
}

type fixture struct {
	*Source
	*agents
	in     *inner
	mu     sync.Mutex
	out    []publication
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, o Options) *fixture {
	t.Helper()
	f := &fixture{
		in:     &inner{pools: make(chan *pool.Pool), err: make(chan error, 1)},
		agents: &agents{answers: map[string]func(context.Context) (pool.Report, error){}, asked: map[string][]time.Duration{}, begin: time.Now()},
		done:   make(chan error, 1),
	}
	o.Random = func() float64 { return 0.5 }
	var err error
	if f.Source, err = New(f.in, o); err != nil {
		t.Fatal(err)
	}
	f.newAsker = func() asker { return f.agents }
	ctx, cancel := context.WithCancel(t.Context())
	f.cancel = cancel
	go func() {
		f.done <- f.Run(ctx, func(p *pool.Pool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.out = append(f.out, publication{time.Since(f.begin), p})
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-f.done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// take returns what was published since the last take.
func (f *fixture) take() []publication {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.out
	f.out = nil
	return out
}

func servers(addrs ...string) *pool.Pool {
	p := &pool.Pool{Service: "web", At: t0}
	for _, a := range addrs {
		p.Servers = append(p.Servers, pool.Server{
			ID: a, Addrs: []netip.Addr{netip.MustParseAddr(a)}, Port: 80, Capacity: 1, Health: pool.Passing,
		})
	}
	slices.SortFunc(p.Servers, func(a, b pool.Server) int { return strings.Compare(a.ID, b.ID) })
	return p
}

func TestLoadsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", says(0.42, "a", pool.Passing))
		given := servers("10.0.0.1", "10.0.0.2")
		f.in.pools <- given
		got := f.take()
		if len(got) != 1 || got[0].at != 0 || !got[0].Equal(given) {
			t.Fatalf("published %+v, want the pool as it came, at once", got)
		}
		time.Sleep(time.Second)
		got = f.take()
		if len(got) != 1 || got[0].Servers[0].Load.Value != 0.42 || got[0].Servers[1].Load.Known() {
			t.Fatalf("published %+v, want one load", got)
		}
		if given.Servers[0].Load.Known() {
			t.Error("wrote to a pool that was handed over")
		}
		time.Sleep(8 * time.Second)
		if got := f.take(); len(got) != 0 {
			t.Errorf("published %+v without news", got)
		}
		time.Sleep(3 * time.Second)
		again := f.take()
		if len(again) != 1 || again[0].at-got[0].at < refresh || !again[0].Servers[0].Load.At.After(got[0].Servers[0].Load.At) {
			t.Errorf("published %+v, want the load's newer time once", again)
		}
	})
}

func TestLoadsComeOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		var addrs []string
		for i := range 50 {
			addr := fmt.Sprintf("10.0.0.%d", i+1)
			addrs = append(addrs, addr)
			n := 0.0
			f.set(addr, func(context.Context) (pool.Report, error) {
				n += 0.01
				return pool.Report{Load: n, Boot: "a"}, nil
			})
		}
		f.in.pools <- servers(addrs...)
		f.take()
		time.Sleep(10 * time.Second)
		got := f.take()
		if len(got) < 8 || len(got) > 11 {
			t.Errorf("%d pools in 10s at an interval of 1s", len(got))
		}
		for i := 1; i < len(got); i++ {
			if gap := got[i].at - got[i-1].at; gap < time.Second {
				t.Errorf("pools %v apart", gap)
			}
		}
	})
}

func TestUrgentNewsGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{Interval: 5 * time.Second})
		f.set("10.0.0.1", says(0.4, "a", pool.Passing))
		f.in.pools <- servers("10.0.0.1")
		time.Sleep(13 * time.Second) // asked at 2.5, 7.5 and 12.5
		f.take()
		f.times("10.0.0.1")
		for _, c := range []struct {
			name   string
			answer func(context.Context) (pool.Report, error)
			want   func(s pool.Server) bool
		}{
			{"overload", says(0.95, "a", pool.Warning), func(s pool.Server) bool {
				return s.Health == pool.Warning && s.Load.Value == 0.95 && s.Reason == "agent: as told"
			}},
			{"no overload", says(0.2, "a", pool.Passing), func(s pool.Server) bool { return s.Health == pool.Passing && s.Load.Value == 0.2 }},
			{"restart", says(0.1, "b", pool.Passing), func(s pool.Server) bool { return s.Load.Boot == "b" }},
		} {
			f.set("10.0.0.1", c.answer)
			time.Sleep(5 * time.Second)
			got, asked := f.take(), f.times("10.0.0.1")
			if len(asked) != 1 || len(got) == 0 || got[len(got)-1].at != asked[0] || !c.want(got[len(got)-1].Servers[0]) {
				t.Errorf("%s: asked at %v, published %+v", c.name, asked, got)
			}
		}
		down := servers("10.0.0.1")
		down.Servers[0].Health = pool.Critical
		before := time.Since(f.begin)
		f.in.pools <- down
		if got := f.take(); len(got) != 1 || got[0].at != before || got[0].Servers[0].Health != pool.Critical || got[0].Servers[0].Load.Boot != "b" {
			t.Errorf("down: %+v", got)
		}
	})
}

func TestSlowServerDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", hangs)
		f.set("10.0.0.2", says(0.2, "a", pool.Passing))
		f.in.pools <- servers("10.0.0.1", "10.0.0.2")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if n := len(f.times("10.0.0.2")); n < 18 {
			t.Errorf("the quick one was asked %d times in 20s", n)
		}
		if n := len(f.times("10.0.0.1")); n > 7 {
			t.Errorf("the one that hangs was asked %d times in 20s", n)
		}
		trouble := f.Troubles()
		if len(trouble) != 1 || !strings.Contains(trouble["10.0.0.1"], "agent at 10.0.0.1:9155: no answer within 500ms") {
			t.Errorf("troubles %v", trouble)
		}
		if s := f.Stats(); s.Silent < 4 || s.Good < 18 || s.Servers != 2 || s.SilentNow != 1 || s.BadNow != 0 {
			t.Errorf("stats %+v", s)
		}
		if s := f.Status(); s.Err != "" || s.Source != "consul web" {
			t.Errorf("status %+v: silence is no trouble of the source's", s)
		}
	})
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{Limit: 3})
		var addrs []string
		for i := range 20 {
			addrs = append(addrs, fmt.Sprintf("10.0.0.%d", i+1))
			f.set(addrs[i], hangs)
		}
		f.in.pools <- servers(addrs...)
		time.Sleep(time.Minute)
		synctest.Wait()
		f.agents.mu.Lock()
		defer f.agents.mu.Unlock()
		if f.most != 3 || len(f.asked) != 20 {
			t.Errorf("%d at once, want 3; %d servers asked", f.most, len(f.asked))
		}
	})
}

func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", says(0.1, "a", pool.Passing))
		f.in.pools <- servers("10.0.0.1")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		f.set("10.0.0.1", nil)
		f.times("10.0.0.1")
		p := servers("10.0.0.1")
		p.Servers[0].Health = pool.Critical
		f.in.pools <- p
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		times := f.times("10.0.0.1")
		last := 0 * time.Second
		for i := 1; i < len(times); i++ {
			gap := times[i] - times[i-1]
			if gap < last || gap > maxBackoff || i < 3 && gap > 4*time.Second {
				t.Errorf("question %d came %v after the one before, that %v", i, gap, last)
			}
			last = gap
		}
		if last < maxBackoff/2 {
			t.Errorf("asked every %v after 10 minutes of silence", last)
		}

		// The source says that the server returned: its boot id is wanted now.
		f.set("10.0.0.1", says(0.1, "b", pool.Passing))
		f.take()
		before := time.Since(f.begin)
		f.in.pools <- servers("10.0.0.1")
		got := f.take()
		if len(got) == 0 || got[len(got)-1].at != before || got[len(got)-1].Servers[0].Load.Boot != "b" {
			t.Errorf("returned: %+v", got)
		}
		f.times("10.0.0.1")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(f.times("10.0.0.1")); n < 9 {
			t.Errorf("asked %d times in 10s after it answered", n)
		}
	})
}

func TestServersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", says(0.1, "a", pool.Passing))
		f.set("10.0.0.2", says(0.2, "a", pool.Passing))
		f.in.pools <- servers("10.0.0.1", "10.0.0.2")
		time.Sleep(3 * time.Second)
		f.in.pools <- servers("10.0.0.2")
		synctest.Wait()
		f.times("10.0.0.1")
		time.Sleep(time.Minute)
		synctest.Wait()
		if times := f.times("10.0.0.1"); len(times) != 0 {
			t.Errorf("asked at %v after it left", times)
		}
		f.take()
		f.set("10.0.0.1", nil)
		f.in.pools <- servers("10.0.0.1", "10.0.0.2")
		got := f.take()
		if len(got) != 1 || got[0].Servers[0].Load.Known() || got[0].Servers[1].Load.Value != 0.2 {
			t.Errorf("returned: %+v, want its old load forgotten and the other's kept", got)
		}

		moved := servers("10.0.0.1", "10.0.0.2")
		moved.Servers[1].Addrs = []netip.Addr{netip.MustParseAddr("10.0.0.3")}
		f.set("10.0.0.3", says(0.3, "a", pool.Passing))
		f.in.pools <- moved
		time.Sleep(2 * time.Second)
		got = f.take()
		if last := got[len(got)-1]; last.Servers[1].Load.Value != 0.3 {
			t.Errorf("moved: %+v", last)
		}
		f.in.pools <- servers()
		if got := f.take(); len(got) != 1 || len(got[0].Servers) != 0 {
			t.Errorf("emptied: %+v", got)
		}
		if s := f.Stats(); s.Servers != 0 || s.SilentNow != 0 || len(f.Troubles()) != 0 {
			t.Errorf("stats %+v, troubles %v of servers that left", s, f.Troubles())
		}
	})
}

func TestSeveralAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", hangs)
		f.set("2001:db8::1", says(0.4, "a", pool.Passing))
		p := servers("10.0.0.1")
		p.Servers[0].Addrs = append(p.Servers[0].Addrs, netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("2001:db8::1"))
		f.in.pools <- p
		time.Sleep(3 * time.Second) // no back-off before each had its turn
		got := f.take()
		if last := got[len(got)-1]; last.Servers[0].Load.Value != 0.4 {
			t.Errorf("published %+v", last)
		}
		f.times("10.0.0.1")
		time.Sleep(time.Minute)
		synctest.Wait()
		if times := f.times("10.0.0.1"); len(times) != 0 {
			t.Errorf("went back to the address that hangs at %v", times)
		}
	})
}

func TestSilentAgentFades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", says(0.95, "a", pool.Warning))
		f.in.pools <- servers("10.0.0.1")
		time.Sleep(5 * time.Second)
		f.set("10.0.0.1", hangs)
		f.take()
		time.Sleep(time.Minute)
		got := f.take()
		last := got[len(got)-1].Servers[0]
		if last.Health != pool.Passing || last.Load.Value != 0.95 || last.Load.Age(time.Now()) < 55*time.Second {
			t.Errorf("after a minute of silence %+v, want the old load with its age, and no warning", last)
		}
		if n := len(got); n > 2 {
			t.Errorf("%d pools about an agent that is silent", n)
		}

		// The source knows better by now.
		p := servers("10.0.0.1")
		p.Servers[0].Load = pool.Load{Value: 0.3, Boot: "a", At: time.Now()}
		f.in.pools <- p
		if got := f.take(); len(got) != 1 || got[0].Servers[0].Load.Value != 0.3 {
			t.Errorf("the source's load: %+v", got)
		}
	})
}

func TestBadReportIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		for _, addr := range []string{"10.0.0.1", "10.0.0.2"} {
			f.set(addr, says(0.4, "a", pool.Passing))
		}
		f.in.pools <- servers("10.0.0.1", "10.0.0.2")
		time.Sleep(3 * time.Second)
		bad := func(context.Context) (pool.Report, error) { return pool.Report{}, badReport{errors.New("no JSON")} }
		f.set("10.0.0.1", bad)
		f.set("10.0.0.2", bad)
		f.take()
		time.Sleep(5 * time.Second)
		if got := f.take(); len(got) != 0 {
			t.Errorf("published %+v", got)
		}
		if s := f.Status(); s.Err != "server 10.0.0.1: agent at 10.0.0.1:9155: no JSON (and 1 more)" || !s.Confirmed.Equal(t0) {
			t.Errorf("status %+v", s)
		}
		if s := f.Stats(); s.Bad < 4 || s.BadNow != 2 || s.Silent != 0 {
			t.Errorf("stats %+v", s)
		}
		for _, addr := range []string{"10.0.0.1", "10.0.0.2"} {
			f.set(addr, says(0.4, "a", pool.Passing))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := f.Status(); s.Err != "" {
			t.Errorf("status %+v after good reports", s)
		}
	})
}

func TestInnerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Options{})
		f.set("10.0.0.1", hangs)
		f.in.pools <- servers("10.0.0.1")
		time.Sleep(600 * time.Millisecond) // a question is under way
		never := errors.New("the query names no service")
		f.in.err <- never
		if err := <-f.done; !errors.Is(err, never) {
			t.Errorf("Run: %v", err)
		}
		f.done <- nil
	})
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		err  string
	}{
		{"defaults", Options{}, ""},
		{"long interval", Options{Interval: time.Minute}, ""},
		{"interval", Options{Interval: time.Millisecond}, "interval 1ms"},
		{"timeout", Options{Timeout: time.Second}, "timeout 1s"},
		{"limit", Options{Limit: -1}, "limit"},
		{"token file", Options{TokenFile: "/nowhere"}, "token file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(&inner{}, c.o)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want one with %q", err, c.err)
			}
		})
	}
}
