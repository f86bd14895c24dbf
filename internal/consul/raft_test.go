package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

// TestRaftCost measures what the agents of 500 servers ask of Consul: each
// writes its Meta once in 10 s, at times spread at random, so 50 writes/s.
// All 500 are registered at one agent, which is dearer for Consul than one
// agent on each.
func TestRaftCost(t *testing.T) {
	if os.Getenv("BALLAST_MEASURE") == "" {
		t.Skip("a measurement of 30 s: set BALLAST_MEASURE=1")
	}
	const servers, services, every, duration = 500, 10, 10 * time.Second, 30 * time.Second
	consul := consultest.Start(t, consultest.Options{})
	client := newClient(t, Config{Address: consul.Addr, Wait: 10 * time.Second})
	var mu sync.Mutex
	written := map[string]time.Time{} // server/load -> when
	var took []time.Duration
	for i := range services {
		w := client.Pool(Query{Service: fmt.Sprint("svc-", i)}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx, func(p *pool.Pool) { note(p, &mu, written, &took) }) }()
		t.Cleanup(func() { cancel(); <-done })
	}
	for i := range servers {
		register(t, consul, service{ID: fmt.Sprint("srv-", i), Name: fmt.Sprint("svc-", i%services), Address: "192.0.2.1", Port: 1 + i})
	}

	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	index, cpu, begin := raftIndex(t, consul), processTime(t, consul.PID()), time.Now()
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			id := fmt.Sprint("srv-", i)
			for wait := time.Duration(rand.Float64() * float64(every)); ; wait = time.Duration((0.5 + rand.Float64()) * float64(every)) {
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
				}
				load := float64(rand.IntN(1_000_000)) / 1_000_000
				mu.Lock()
				written[fmt.Sprint("node/", id, " ", load)] = time.Now()
				mu.Unlock()
				if err := client.Publish(ctx, id, pool.Report{Load: load}.Meta()); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seconds := time.Since(begin).Seconds()
	share := (processTime(t, consul.PID()) - cpu).Seconds() / seconds
	growth := float64(raftIndex(t, consul)-index) / seconds
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	t.Logf("%.1f Raft entries/s, Consul at %.0f%% of a core, %d writes seen: p50 %v, p99 %v, max %v",
		growth, 100*share, len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// note takes the time of each write that p shows for the first time.
func note(p *pool.Pool, mu *sync.Mutex, written map[string]time.Time, took *[]time.Duration) {
	mu.Lock()
	defer mu.Unlock()
	for _, s := range p.Servers {
		key := fmt.Sprint(s.ID, " ", s.Load.Value)
		if at, ok := written[key]; ok {
			*took = append(*took, time.Since(at))
			delete(written, key)
		}
	}
}

func raftIndex(t *testing.T, c *consultest.Consul) uint64 {
	t.Helper()
	var self struct {
		Stats struct{ Raft map[string]string }
	}
	if err := json.Unmarshal(c.Call(t, "GET", "/v1/agent/self", nil), &self); err != nil {
		t.Fatal(err)
	}
	index, err := strconv.ParseUint(self.Stats.Raft["last_log_index"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// processTime is the CPU time that a process has used; see proc_pid_stat(5).
func processTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime in ticks of 10 ms
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
