//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/agent"
)

// meter watches what the servers use of their quotas. It stands beside them: a
// server that is throttled would tell its load late.
type meter struct {
	groups []*cgroup
	quotas []float64
	tau    time.Duration // of the load that is told

	mu    sync.Mutex
	loads []agent.Average
	last  []time.Duration
	at    time.Time
}

// looks is how often the meter looks in one sample of utilisation.
const looks = 4

// look takes in what was used since the last time.
func (m *meter) look(now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	used, err := m.used()
	if err != nil {
		return err
	}
	if dt := now.Sub(m.at); m.last != nil && dt > 0 {
		for i := range m.loads {
			m.loads[i].Add((used[i]-m.last[i]).Seconds()/(dt.Seconds()*m.quotas[i]), dt, m.tau)
		}
	}
	m.last, m.at = used, now
	return nil
}

// used is the CPU time of each server so far.
func (m *meter) used() ([]time.Duration, error) {
	all := make([]time.Duration, len(m.groups))
	for i, g := range m.groups {
		var err error
		if all[i], err = g.used(); err != nil {
			return nil, fmt.Errorf("CPU time of server %d: %w", i+1, err)
		}
	}
	return all, nil
}

// total is that of all servers together.
func (m *meter) total() (sum time.Duration, err error) {
	used, err := m.used()
	for _, u := range used {
		sum += u
	}
	return sum, err
}

// run looks at the servers until ctx ends.
func (m *meter) run(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if err := m.look(now); err != nil {
				return err
			}
		}
	}
}

// load answers with the load of one server, as an application would for its
// agent.
func (m *meter) load(i int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		fmt.Fprintf(w, "%.4f\n", m.loads[i].Value())
	})
}
