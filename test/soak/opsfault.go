package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
)

// faultLane does something to Consul, or to the way to it.
func (s *stage) faultLane() lane {
	l := lane{name: "faults", every: s.pace(12 * time.Second)}
	add := func(name string, share int, do func(context.Context, *rand.Rand) error) {
		l.ops = append(l.ops, op{name: name, share: share, fault: true, do: func(ctx context.Context, r *rand.Rand, note func(string, ...any) func()) error {
			s.faults.Lock()
			defer s.faults.Unlock()
			defer note("")()
			s.model.BeginTrouble(s.clock.now())
			err := do(ctx, r)
			s.model.EndTrouble(s.clock.now(), s.settings.recovery)
			return err
		}})
	}
	for _, f := range proxyFaults {
		add(f.name, f.share, func(ctx context.Context, r *rand.Rand) error {
			s.proxy.Set(f.fault)
			if f.cut {
				s.proxy.Cut()
			}
			sleep(ctx, s.pace(between(r, 2*time.Second, 10*time.Second)))
			s.proxy.Set(nil)
			s.proxy.Cut() // what hangs in it would hang until it times out
			return nil
		})
	}
	add("flapping", 2, s.flap)
	add("connections cut", 2, func(context.Context, *rand.Rand) error { s.proxy.Cut(); return nil })
	add("consul stopped", 3, s.stopConsul)
	add("consul killed", 3, s.killConsul)
	return l
}

// proxyFaults are what the proxy before Consul does. All of them leave what was
// known before as the truth.
var proxyFaults = []struct {
	name  string
	share int
	fault consultest.Fault
	cut   bool // what waits for an answer is cut off too
}{
	{"black hole", 3, consultest.BlackHole(), true},
	{"reset", 2, consultest.Reset(), true},
	{"slow", 2, consultest.Delay(700 * time.Millisecond), false},
	{"status 500", 2, consultest.Answer(http.StatusInternalServerError, "rpc error"), true},
	{"no leader", 2, consultest.Answer(http.StatusInternalServerError, "No cluster leader"), true},
	{"leader unknown", 2, consultest.Header("X-Consul-KnownLeader", func(string) string { return "false" }), true},
	{"truncated", 2, consultest.Truncate(), true},
	{"replaying", 2, consultest.Replaying(), true},
	{"index backwards", 2, consultest.Index(func(i uint64) uint64 { return 1 + i/2 }), true},
	{"no JSON", 1, consultest.Body(func([]byte) []byte { return []byte("<html>") }), true},
}

// flap breaks the way to Consul again and again.
func (s *stage) flap(ctx context.Context, r *rand.Rand) error {
	for range 3 + r.IntN(12) {
		s.proxy.Set(consultest.Reset())
		s.proxy.Cut()
		sleep(ctx, between(r, 50*time.Millisecond, 600*time.Millisecond))
		s.proxy.Set(nil)
		sleep(ctx, between(r, 50*time.Millisecond, 600*time.Millisecond))
	}
	return nil
}

// stopConsul has Consul stand still, as a machine that swaps would.
func (s *stage) stopConsul(ctx context.Context, r *rand.Rand) error {
	s.consulUp.Lock()
	defer s.consulUp.Unlock()
	pid := s.consul.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	sleep(ctx, s.pace(between(r, 2*time.Second, 10*time.Second)))
	return syscall.Kill(pid, syscall.SIGCONT)
}

// killConsul has Consul crash, and starts it again.
func (s *stage) killConsul(ctx context.Context, r *rand.Rand) error {
	s.consulUp.Lock()
	defer s.consulUp.Unlock()
	s.consul.Kill()
	sleep(ctx, s.pace(between(r, time.Second, 8*time.Second)))
	return s.consul.Restart()
}
