package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/control"
)

func TestWithConsul(t *testing.T) {
	needPrograms(t)
	st := play(t, ownSettings(t, consultest.Binary(t)))
	s := st.settings
	client := control.Dial(s.socket)
	age := func() time.Duration {
		status, err := client.Status(t.Context())
		if err != nil || len(status.Sources) != 1 {
			t.Fatalf("%+v, %v", status.Sources, err)
		}
		return status.Sources[0].Age.Duration()
	}
	back := func(t *testing.T) {
		t.Helper()
		poll(t, 15*time.Second, "web1 comes back", func() bool { return slices.Contains(ask(t, s).addrs, web1IP) })
	}

	t.Run("overload takes the share and shortens the TTL", func(t *testing.T) {
		before := ask(t, s).ttl
		post(t, s, "/web1/load/0.95")
		goneWithin(t, s, "127.0.0.11", 10*time.Second)
		if after := ask(t, s).ttl; after != 2*time.Second || before <= after {
			t.Errorf("TTL %v, then %v, want it to fall to 2s", before, after)
		}
		post(t, s, "/web1/load/auto")
		back(t)
	})
	t.Run("a stopped server leaves", func(t *testing.T) {
		post(t, s, "/web1/stop")
		goneWithin(t, s, "127.0.0.11", 3*time.Second)
		post(t, s, "/web1/start")
		back(t)
	})
	t.Run("answers go on without Consul", func(t *testing.T) {
		post(t, s, "/consul/stop")
		poll(t, 10*time.Second, "the source ages", func() bool {
			return len(ask(t, s).addrs) == 2 && age() > 4*time.Second
		})
		post(t, s, "/consul/start")
		poll(t, 30*time.Second, "the source is confirmed again", func() bool { return age() < 4*time.Second })
	})
	t.Run("a server leaves with its agent", func(t *testing.T) {
		back(t)
		post(t, s, "/web1/agent/kill")
		goneWithin(t, s, "127.0.0.11", 12*time.Second)
		post(t, s, "/web1/agent/start")
		back(t)
	})
	if err := st.end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.run, "agent-web1.log")); err != nil {
		t.Error(err)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
