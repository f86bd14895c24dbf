package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func many(n int) []pool.Server {
	servers := make([]pool.Server, n)
	for i := range servers {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		servers[i] = pool.Server{ID: fmt.Sprintf("s%05d", i), Addrs: []netip.Addr{ip}, Port: 80, Capacity: 1}
	}
	return servers
}

func TestSourceSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := follow(t, NewSource("web", many(10), w.check, exact, nil))
		time.Sleep(3 * time.Second)
		f.stop()
		var second []time.Duration
		for ip, at := range w.asked {
			if at[0] != 0 || len(at) < 2 {
				t.Fatalf("%v was asked at %v, want at once and again", ip, at)
			}
			second = append(second, at[1])
		}
		slices.Sort(second)
		for i, at := range second {
			if want := time.Duration(i+1) * 200 * time.Millisecond; at != want {
				t.Errorf("check %d of the second round at %v, want %v", i, at, want)
			}
		}
	})
}

func TestSourceJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		o := exact
		o.Jitter = 0.1
		follow(t, NewSource("web", []pool.Server{one("a", ip1)}, w.check, o, nil))
		time.Sleep(1000 * time.Second)
		at := w.times(ip1)
		if n := len(at); n < 490 || n > 510 {
			t.Errorf("%d checks in 1000 s, want about 500", n)
		}
		short, long := time.Hour, time.Duration(0)
		for i := range at[1:] {
			short, long = min(short, at[i+1]-at[i]), max(long, at[i+1]-at[i])
		}
		if short < 1800*time.Millisecond || long > 2200*time.Millisecond {
			t.Errorf("intervals of %v to %v, want 1.8s to 2.2s", short, long)
		}
		if long-short < 200*time.Millisecond {
			t.Errorf("intervals of %v to %v: hardly any jitter", short, long)
		}
	})
}

func TestInterval(t *testing.T) {
	tests := []struct {
		jitter, random float64
		want           time.Duration
	}{
		{0, 0, 9 * time.Second}, // the default of 0.1
		{0, 0.5, 10 * time.Second},
		{0.2, 0, 8 * time.Second},
		{0.2, 0.75, 11 * time.Second},
		{-1, 0, 10 * time.Second},
		{3, 0, 5 * time.Second}, // never more than half
	}
	for _, tt := range tests {
		o := Options{Every: 10 * time.Second, Jitter: tt.jitter}.withDefaults(1)
		if got := o.interval(tt.random); got != tt.want {
			t.Errorf("jitter %v random %v: %v, want %v", tt.jitter, tt.random, got, tt.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	tests := []struct {
		name      string
		o         Options
		addresses int
		want      Options
	}{
		{"nothing said", Options{}, 1000, Options{2 * time.Second, time.Second, 2, 3, 0.1, 500, nil}},
		{"timeout is at most every", Options{Every: time.Second, Timeout: time.Minute}, 1000, Options{time.Second, time.Second, 2, 3, 0.1, 1000, nil}},
		{"no more than there are addresses", Options{Limit: 50}, 7, Options{2 * time.Second, time.Second, 2, 3, 0.1, 7, nil}},
		{"few at a time are enough", Options{Every: time.Minute}, 1000, Options{time.Minute, time.Second, 2, 3, 0.1, 256, nil}},
		{"not too many", Options{}, 100000, Options{2 * time.Second, time.Second, 2, 3, 0.1, 4096, nil}},
		{"no addresses", Options{}, 0, Options{2 * time.Second, time.Second, 2, 3, 0.1, 1, nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.o.withDefaults(tt.addresses); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSourceLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		servers := many(10)
		for _, s := range servers {
			w.set(s.Addrs[0].String(), answer{takes: time.Second})
		}
		o := exact
		o.Limit, o.Timeout = 2, 2*time.Second
		f := follow(t, NewSource("web", servers, w.check, o, nil))
		// Two at a time, a second each: the first round takes 5 s.
		time.Sleep(4900 * time.Millisecond)
		if f.last() != nil || f.Stats().Late != 0 {
			t.Errorf("a pool before the first round was complete, or late %d", f.Stats().Late)
		}
		time.Sleep(time.Minute)
		if f.last() == nil || f.Stats().Late == 0 {
			t.Errorf("%+v, want a pool and checks that are late", f.Stats())
		}
		f.stop()
		if w.most != 2 {
			t.Errorf("%d checks at the same time, want 2", w.most)
		}
		for ip, at := range w.asked {
			if n := len(at); n < 12 || n > 14 {
				t.Errorf("%v was asked %d times, want its fair share of 13", ip, n)
			}
		}
	})
}

// TestTakeWaiting wants servers that die together to make one pool.
func TestTakeWaiting(t *testing.T) {
	s := NewSource("web", many(100), nil, Options{Fall: 1, Rise: 1}, nil)
	var pools []*pool.Pool
	l := newLoop(s, func(p *pool.Pool) { pools = append(pools, p) })
	for now := time.Now(); ; l.running++ {
		task, ok := l.schedule.take(now)
		if !ok {
			break
		}
		l.outcomes <- outcome{task: task, err: errRefused, ended: now}
	}
	l.takeWaiting()
	l.outlet.flush(s, time.Now())
	if len(pools) != 1 || l.running != 0 {
		t.Fatalf("%d pools, %d running", len(pools), l.running)
	}
	for _, v := range pools[0].Servers {
		if v.Health != pool.Critical {
			t.Errorf("%s is %v", v.ID, v.Health)
		}
	}
}
