package director

import (
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
)

func TestLeaverReady(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := &leaver{}
	for _, c := range []struct {
		name  string
		after time.Duration
		tally bpf.Tally
		want  bool
	}{
		{"has connections", 0, bpf.Tally{Active: 1}, false},
		{"seen without at first", time.Second, bpf.Tally{}, false},
		{"a connection was counted late", time.Second, bpf.Tally{Inactive: 1}, false},
		{"seen without again", time.Minute, bpf.Tally{}, false},
		{"for half a second", lapse / 2, bpf.Tally{}, false},
		{"for a second", lapse / 2, bpf.Tally{}, true},
	} {
		now = now.Add(c.after)
		if got := l.ready(c.tally, now); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// TestServerLeavesInTime: it is out of the table at once, and removed when no
// CPU can count a connection on it any more.
func TestServerLeavesInTime(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11 10.201.0.12"))
	w.start()
	w.settled()
	w.tell("web", server("10.201.0.11", "10.201.0.11", 0))
	w.pass(step)
	v := w.vips["web"]
	if got := w.members("web"); !slices.Equal(got, []string{"10.201.0.11"}) {
		t.Errorf("connections go to %v", got)
	}
	if n := len(w.plane.Reals(v.id)); n != 2 {
		t.Errorf("%d servers at once, want 2", n)
	}
	for range 2 {
		w.pass(judgeEvery)
	}
	if n := len(w.plane.Reals(v.id)); n != 1 || len(v.reals) != 1 || len(v.leaving) != 0 {
		t.Errorf("%d servers later, %d known, %d leaving", n, len(v.reals), len(v.leaving))
	}
}

// TestServerMoves to another address under its old ID.
func TestServerMoves(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	w.tell("web", server("a", "10.201.0.21", 80))
	w.pass(step)
	w.tell("web", server("a", "10.201.0.22", 80))
	w.pass(step)
	if got := w.members("web"); !slices.Equal(got, []string{"10.201.0.22"}) {
		t.Errorf("connections go to %v", got)
	}
	for range 3 {
		w.pass(judgeEvery)
	}
	v := w.vips["web"]
	if got := w.members("web"); !slices.Equal(got, []string{"10.201.0.22"}) || len(w.plane.Reals(v.id)) != 1 {
		t.Errorf("later connections go to %v, of %d", got, len(w.plane.Reals(v.id)))
	}
	if !slices.ContainsFunc(v.verdict.Servers, v.reals["a"].is) {
		t.Errorf("the server is known as %+v", v.reals["a"].written)
	}
}
