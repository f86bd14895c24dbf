package probe

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// TestSourceSeed reloads: a second source goes on from the first one's pool.
func TestSourceSeed(t *testing.T) {
	ago := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	loaded := pool.Load{Value: 0.7, At: ago}
	seed := &pool.Pool{Service: "web", At: ago, Servers: []pool.Server{
		seeded(one("down", ip2), pool.Critical, "connection refused", 4*time.Second, ago),
		seeded(one("up", ip1), pool.Passing, "", 6*time.Second, ago),
	}}
	seed.Servers[1].Load = loaded
	tests := []struct {
		name    string
		servers []pool.Server
		flip    time.Duration // of "up" in the seed
		health  pool.Health   // of "up" in the seed
		ip1     answer
		want    []string
	}{
		{
			"all known: a pool at once, and nothing else", []pool.Server{one("up", ip1), one("down", ip2)}, 6 * time.Second, pool.Passing, answer{},
			[]string{"0s down=critical/4s (connection refused) up=passing/6s load 0.7"},
		},
		{
			"one failure does not take a known server down", []pool.Server{one("up", ip1)}, 6 * time.Second, pool.Passing, answer{err: errRefused},
			[]string{"0s up=passing/6s load 0.7", "0s up=passing/4s load 0.7 (failed 1 of 3: connection refused)"},
		},
		{
			"failures before the reload count", []pool.Server{one("up", ip1)}, 2 * time.Second, pool.Passing, answer{err: errRefused},
			[]string{"0s up=passing/2s load 0.7", "0s up=critical/4s (connection refused)"},
		},
		{
			"a seed that knows no flip counts from the start", []pool.Server{one("up", ip1)}, 0, pool.Passing, answer{},
			[]string{"0s up=passing/6s load 0.7"},
		},
		{
			"a warning goes on", []pool.Server{one("up", ip1)}, 4 * time.Second, pool.Warning, answer{},
			[]string{"0s up=warning/4s load 0.7", "0s up=warning/2s load 0.7"},
		},
		{
			"a new server is asked first", []pool.Server{one("new", ip1)}, 6 * time.Second, pool.Passing, answer{takes: time.Second / 2},
			[]string{"500ms new=passing/6s"},
		},
		{
			"another port is another server", []pool.Server{{ID: "up", Addrs: one("", ip1).Addrs, Port: 81}}, 6 * time.Second, pool.Passing, answer{takes: time.Second / 2},
			[]string{"500ms up=passing/6s"},
		},
		{
			"so is another address", []pool.Server{one("up", "192.0.2.99")}, 6 * time.Second, pool.Passing, answer{},
			[]string{"0s up=passing/6s"},
		},
		{
			"nothing is known of a server that was never asked", []pool.Server{one("up", ip1)}, 0, pool.Unknown, answer{takes: time.Second / 2},
			[]string{"500ms up=passing/6s"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.set(ip1, tt.ip1)
				w.set(ip2, answer{err: errRefused})
				old := *seed
				old.Servers = append([]pool.Server(nil), seed.Servers...)
				old.Servers[1].Flip, old.Servers[1].Health = tt.flip, tt.health
				f := follow(t, NewSource("web", tt.servers, w.check, exact, &old))
				f.want(t, 900*time.Millisecond, tt.want...)
			})
		})
	}
}

func seeded(s pool.Server, h pool.Health, reason string, flip time.Duration, since time.Time) pool.Server {
	s.Health, s.Reason, s.Flip, s.Since = h, reason, flip, since
	return s
}

// TestSourceReload goes through a reload in the middle of a failure.
func TestSourceReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(ip1, answer{Result: Result{Load: 0.3, HasLoad: true}})
		servers := []pool.Server{one("a", ip1)}
		before := follow(t, NewSource("web", servers, w.check, exact, nil))
		time.Sleep(time.Second)
		w.set(ip1, answer{err: errRefused})
		time.Sleep(6 * time.Second)
		before.stop()
		seed := before.last()
		s := NewSource("web", servers, w.check, exact, seed)
		if got := s.Status().Confirmed; !got.Equal(seed.At) {
			t.Errorf("confirmed %v, want the seed's %v", got, seed.At)
		}
		w.set(ip1, answer{})
		after := follow(t, s)
		after.want(t, 10*time.Second,
			"0s a=critical/4s (connection refused)",
			"0s a=critical/2s (passed 1 of 2, before: connection refused)",
			"2s a=passing/6s")
		if got := after.pools[1].Servers[0].Since; !got.Equal(before.began.Add(6 * time.Second)) {
			t.Errorf("down since %v, want 6s", got.Sub(before.began))
		}
	})
}
