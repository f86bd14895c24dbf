package consul

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

// TestThousandWatches follows a thousand services at once, changes each, and
// looks at what that costs.
func TestThousandWatches(t *testing.T) {
	const n = 1000
	consul := shared.Get(t)
	proxy := consul.Proxy(t) // counts connections; Consul sees as many
	client := newClient(t, Config{Address: proxy.Addr, Wait: 5 * time.Second})
	base := runtime.NumGoroutine()
	var seen [n]atomic.Int32 // port, as last published
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			w := client.Pool(Query{Service: fmt.Sprint("many-", i)}, nil)
			if err := w.Run(ctx, func(p *pool.Pool) {
				if len(p.Servers) == 1 {
					seen[i].Store(int32(p.Servers[0].Port))
				}
			}); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all watches wait", func() bool { return proxy.Open() >= n })
	all := func(port int) func() bool {
		return func() bool {
			for i := range seen {
				if int(seen[i].Load()) != port {
					return false
				}
			}
			return true
		}
	}
	begin := time.Now()
	registerMany(t, consul, n, 80)
	eventually(t, "each watch saw its service", all(80))
	t.Logf("%d services registered and seen in %v", n, time.Since(begin))

	goroutines := runtime.NumGoroutine() - base
	cpu, before := cpuTime(), proxy.Requests()
	begin = time.Now()
	eventually(t, "idle polls", func() bool { return time.Since(begin) > 2*time.Second })
	share := float64(cpuTime()-cpu) / float64(time.Since(begin))
	rate := float64(proxy.Requests()-before) / time.Since(begin).Seconds()
	t.Logf("idle: %d goroutines (proxy's included), %.0f queries/s, %.0f%% of a core (proxy's included)", goroutines, rate, 100*share)
	// Three for each connection and watch in the client, and some more in
	// the proxy's two sides.
	if goroutines > 12*n || rate > 1.1*defaultRate {
		t.Errorf("%d goroutines, %.0f queries a second", goroutines, rate)
	}
	cancel()
	wg.Wait()
	eventually(t, "all queries ended", func() bool { return proxy.Open() == 0 })
}

// registerMany registers n services in a few transactions, as those of a node
// outside of Consul.
func registerMany(t *testing.T, c *consultest.Consul, n, port int) {
	type object map[string]any
	ops := []object{{"Node": object{"Verb": "set", "Node": object{"Node": "outside", "Address": "192.0.2.1"}}}}
	for i := range n {
		name := fmt.Sprint("many-", i)
		ops = append(ops, object{"Service": object{"Verb": "set", "Node": "outside", "Service": object{"ID": name, "Service": name, "Port": port}}})
	}
	for chunk := range slices.Chunk(ops, 64) {
		c.Put(t, "/v1/txn", chunk)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLatency measures from just before a change is told to Consul's agent
// until the changed pool is handed over. The changes go round ten services,
// so that a watch's own bound on its rate does not count.
func TestLatency(t *testing.T) {
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr})
	var watches []*follower
	for i := range 10 {
		f := follow(t, client, Query{Service: fmt.Sprint("latency-", i)}, nil)
		f.size(t, 0)
		watches = append(watches, f)
	}
	var took []time.Duration
	for i := range 200 {
		name, port := fmt.Sprint("latency-", i%10), 1+i
		begin := time.Now()
		register(t, consul, service{ID: name, Name: name, Address: "192.0.2.1", Port: port})
		watches[i%10].next(t, "the new port", func(p *pool.Pool) bool {
			return len(p.Servers) == 1 && int(p.Servers[0].Port) == port
		})
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	t.Logf("200 changes: p50 %v, p99 %v, max %v", p50, p99, took[len(took)-1])
	if p99 > time.Second {
		t.Errorf("p99 %v", p99)
	}
}

// TestRunEndsAtOnce cancels a watch that waits, and one that backs off.
func TestRunEndsAtOnce(t *testing.T) {
	consul := shared.Get(t)
	proxy := consul.Proxy(t)
	for name, fault := range map[string]consultest.Fault{
		"waiting":     nil,
		"black hole":  consultest.BlackHole(),
		"backing off": consultest.Answer(http.StatusInternalServerError, "no"),
	} {
		t.Run(name, func(t *testing.T) {
			proxy.Set(fault)
			client := newClient(t, Config{Address: proxy.Addr, Wait: time.Minute})
			for _, end := range []string{"context", "Close"} {
				before := proxy.Requests()
				web := follow(t, client, Query{Service: "ends"}, nil)
				eventually(t, "a query", func() bool { return proxy.Requests() > before })
				begin := time.Now()
				if end == "Close" {
					client.Close()
				}
				web.stop()
				if d := time.Since(begin); d > time.Second {
					t.Errorf("%s: ended after %v", end, d)
				}
			}
			eventually(t, "the queries ended", func() bool { return proxy.Open() == 0 })
		})
	}
}
