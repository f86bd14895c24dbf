package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

// looks is a service whose status is another at each look. At the last it ends
// the watch.
type looks struct {
	*server
	seen int
	step func(look int)
}

func (l *looks) Status(ctx context.Context) (control.Status, error) {
	l.seen++
	l.step(l.seen)
	return l.server.Status(ctx)
}

// watchFor runs a command with n ticks, and step before each look.
func watchFor(t *testing.T, n int, terminal bool, args []string, step func(s *server, look int)) result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ticks := make(chan time.Time, n)
	for range n {
		ticks <- noon
	}
	s := example()
	stopped := false
	var stdout, stderr bytes.Buffer
	l := &looks{server: s, step: func(look int) {
		step(s, look)
		if look == n+1 {
			cancel()
		}
	}}
	code := run(ctx, env{
		stdout: &stdout, stderr: &stderr, terminal: terminal,
		height: func() int { return 12 },
		now:    func() time.Time { return noon },
		tick: func(d time.Duration) (<-chan time.Time, func()) {
			if d != 2*time.Second {
				t.Errorf("looks every %v", d)
			}
			return ticks, func() { stopped = true }
		},
		dial: func(string) control.Service { return l },
	}, append(args, "--interval", "2s"))
	if !stopped {
		t.Error("the ticker was not stopped")
	}
	return result{code, stdout.String(), stderr.String()}
}

func TestWatchInALog(t *testing.T) {
	got := watchFor(t, 2, false, []string{"status", "--watch", "www.example.org"}, func(s *server, look int) {
		if look == 3 {
			s.status.Zones[0].Names[0].TTL = control.Seconds(time.Minute)
		}
	})
	const line = `2026-11-22T12:00:00Z www.example.org. mode="live" ttl=42s in=2/4 web-1=67% web-2=33%` + "\n"
	if want := line + line + strings.Replace(line, "42s", "60s", 1); got != (result{0, want, ""}) {
		t.Errorf("got %+v, want %s", got, want)
	}
}

func TestWatchOnATerminal(t *testing.T) {
	got := watchFor(t, 1, true, []string{"top"}, func(*server, int) {})
	screens := strings.Split(got.stdout, "\x1b[H")
	if got.code != 0 || len(screens) != 3 || screens[0] != "" || screens[1] != screens[2] {
		t.Fatalf("exit code %d, screens %q", got.code, screens)
	}
	if n := strings.Count(screens[1], "\n"); n != 11 {
		t.Errorf("%d lines on a terminal of 12", n)
	}
	if !strings.HasPrefix(screens[1], "coredns 1.15.0, pid 4242") || !strings.HasSuffix(screens[1], "more lines\x1b[K\n\x1b[J") {
		t.Errorf("screen %q", screens[1])
	}
}

func TestWatchInJSON(t *testing.T) {
	got := watchFor(t, 1, true, []string{"top", "-o", "json"}, func(*server, int) {})
	if lines := strings.Split(got.stdout, "\n"); len(lines) != 3 || lines[0] != lines[1] || !strings.HasPrefix(lines[0], `{"program":"coredns"`) {
		t.Errorf("lines %q", lines)
	}
}

// A name server that restarts is away for a moment; whoever watches sees that
// and what comes after it.
func TestWatchOutlivesTrouble(t *testing.T) {
	away := func(s *server, look int) {
		s.err = nil
		if look == 2 {
			s.err = errors.New("connection refused")
		}
	}
	for name, terminal := range map[string]bool{"terminal": true, "log": false} {
		t.Run(name, func(t *testing.T) {
			got := watchFor(t, 2, terminal, []string{"top"}, away)
			all := got.stdout + got.stderr
			if got.code != 0 || strings.Count(all, "connection refused") != 1 {
				t.Errorf("got %+v", got)
			}
			if first, last := strings.Index(all, "ttl=42s"), strings.LastIndex(all, "ttl=42s"); !terminal && first == last {
				t.Errorf("nothing came after it: %q", all)
			}
			if (got.stderr == "") != terminal {
				t.Errorf("stderr %q", got.stderr)
			}
		})
	}
}
