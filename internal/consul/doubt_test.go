package consul

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

// TestIndexGoesBackwards is what a restore from an older snapshot looks like:
// the query with the old index waits in vain once, then all is prompt again.
func TestIndexGoesBackwards(t *testing.T) {
	consul := shared.Get(t)
	reg := service{ID: "back", Name: "backwards", Address: "192.0.2.1", Port: 80}
	register(t, consul, reg)
	defer deregister(t, consul, "back")
	proxy := consul.Proxy(t)
	proxy.Set(consultest.Index(func(i uint64) uint64 { return i + 1_000_000 }))
	client := newClient(t, Config{Address: proxy.Addr})
	web := follow(t, client, Query{Service: "backwards"}, nil)
	web.size(t, 1)
	proxy.Set(nil)
	reg.Port = 81
	register(t, consul, reg)
	web.next(t, "port 81", func(p *pool.Pool) bool { return p.Servers[0].Port == 81 })
	for reg.Port = 82; reg.Port < 90; reg.Port++ {
		register(t, consul, reg)
		web.next(t, "the next port", func(p *pool.Pool) bool { return int(p.Servers[0].Port) == reg.Port })
	}
}

// TestReplayedHistoryIsNotBelieved is Consul just restarted, that passes again
// through what was: first as it is now, and then as it was before the last change. A
// watch that has its pool from before a reload knows no index to tell that by.
func TestReplayedHistoryIsNotBelieved(t *testing.T) {
	consul := shared.Get(t)
	register(t, consul, service{ID: "past", Name: "past", Address: "192.0.2.1", Port: 80})
	defer deregister(t, consul, "past")
	proxy := consul.Proxy(t)
	client := newClient(t, Config{Address: proxy.Addr, Wait: 100 * time.Millisecond})
	known := follow(t, client, Query{Service: "past"}, nil).size(t, 1)
	var indexes, bodies atomic.Uint64
	proxy.Set(func(next http.Handler) http.Handler {
		history := consultest.Index(func(uint64) uint64 { return 4 + min(indexes.Add(1), 2) })(
			consultest.Body(func(b []byte) []byte {
				if bodies.Add(1) == 1 {
					return b
				}
				return []byte("[]")
			})(next))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("consistent") {
				next.ServeHTTP(w, r)
				return
			}
			history.ServeHTTP(w, r)
		})
	})
	seeded := follow(t, client, Query{Service: "past"}, known)
	eventually(t, "the past is told", func() bool { return bodies.Load() >= 5 })
	seeded.quiet(t)
}

// TestReplayingTakesNothingAway is Consul just restarted, for a watch that has
// its pool and for one that has it from before a reload.
func TestReplayingTakesNothingAway(t *testing.T) {
	consul := shared.Get(t)
	register(t, consul, service{ID: "replay", Name: "replayed", Address: "192.0.2.1", Port: 80})
	defer deregister(t, consul, "replay")
	proxy := consul.Proxy(t)
	client := newClient(t, Config{Address: proxy.Addr, Wait: 100 * time.Millisecond})
	web := follow(t, client, Query{Service: "replayed"}, nil)
	known := web.size(t, 1)
	proxy.Set(consultest.Replaying())
	seeded := follow(t, client, Query{Service: "replayed"}, known)
	proxy.Cut()
	before := proxy.Requests()
	eventually(t, "more queries", func() bool { return proxy.Requests() >= before+10 })
	web.quiet(t)
	seeded.quiet(t)
	register(t, consul, service{ID: "replay", Name: "replayed", Address: "192.0.2.1", Port: 81})
	for _, f := range []*follower{web, seeded} {
		f.next(t, "port 81", func(p *pool.Pool) bool { return p.Servers[0].Port == 81 })
	}
}

// TestReplayingBringsNothingBack is Consul just restarted, which tells what a
// server was like before it changed: for a watch that saw the change, for one that
// has it from before a reload, and for one that knows nothing.
func TestReplayingBringsNothingBack(t *testing.T) {
	consul := shared.Get(t)
	register(t, consul, service{ID: "behind", Name: "behind", Address: "192.0.2.1", Port: 80})
	defer deregister(t, consul, "behind")
	proxy := consul.Proxy(t)
	client := newClient(t, Config{Address: proxy.Addr, Wait: 100 * time.Millisecond})
	web := follow(t, client, Query{Service: "behind"}, nil)
	web.size(t, 1)
	before := string(consul.Call(t, "GET", "/v1/health/service/behind", nil))
	register(t, consul, service{ID: "behind", Name: "behind", Address: "192.0.2.1", Port: 81})
	isNew := func(p *pool.Pool) bool { return p.Servers[0].Port == 81 }
	known := web.next(t, "port 81", isNew)
	proxy.Set(consultest.Behind(before))
	seeded, fresh := follow(t, client, Query{Service: "behind"}, known), follow(t, client, Query{Service: "behind"}, nil)
	proxy.Cut()
	asked := proxy.Requests()
	eventually(t, "more queries", func() bool { return proxy.Requests() >= asked+10 })
	web.quiet(t)
	seeded.quiet(t)
	if first := fresh.size(t, 1); !isNew(first) {
		t.Errorf("The first pool has port %d", first.Servers[0].Port)
	}
	fresh.quiet(t)
}

// TestLowerIndexAsksAgain lets the index fall within one connection: each
// fall must lead to one query from zero, and never to a spin.
func TestLowerIndexAsksAgain(t *testing.T) {
	consul := shared.Get(t)
	register(t, consul, service{ID: "low", Name: "lower", Address: "192.0.2.1", Port: 80})
	defer deregister(t, consul, "low")
	for name, change := range map[string]func(uint64) uint64{
		"always zero": func(uint64) uint64 { return 0 },
		"falling":     falling(),
	} {
		t.Run(name, func(t *testing.T) {
			proxy := consul.Proxy(t)
			proxy.Set(consultest.Index(change))
			client := newClient(t, Config{Address: proxy.Addr, Wait: 100 * time.Millisecond})
			web := follow(t, client, Query{Service: "lower"}, nil)
			web.size(t, 1)
			begin, before := time.Now(), proxy.Requests()
			eventually(t, "more queries", func() bool { return proxy.Requests() >= before+10 })
			eventually(t, "a second has passed", func() bool { return time.Since(begin) > time.Second })
			if n := float64(proxy.Requests()-before) / time.Since(begin).Seconds(); n > watchRate+watchBurst+2 {
				t.Errorf("%.0f queries a second", n)
			}
			web.quiet(t)
			if err := web.Status().Err; err != "" {
				t.Errorf("trouble: %s", err)
			}
		})
	}
}

func falling() func(uint64) uint64 {
	var mu sync.Mutex
	n := uint64(1 << 40)
	return func(uint64) uint64 {
		mu.Lock()
		defer mu.Unlock()
		n--
		return n
	}
}
