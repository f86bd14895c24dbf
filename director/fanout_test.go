package director

import (
	"context"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/internal/pool"
)

func TestGraveDead(t *testing.T) {
	const tick, downAt = 10_000, 9_000
	second := dataplane.Ticks(time.Second)
	for _, c := range []struct {
		name  string
		grave grave
		conn  bpf.Conn
		want  bool
	}{
		{"of this generation", grave{generation: 5}, bpf.Conn{Generation: 5}, false},
		{"of the one before", grave{generation: 5}, bpf.Conn{Generation: 4}, true},
		{"of one after: the grave is old", grave{generation: 5}, bpf.Conn{Generation: 6}, false},
		{"of one before the numbers came round", grave{generation: 1}, bpf.Conn{Generation: 0xffffffff}, true},
		{"down, reset", grave{generation: 5, down: true, downAt: downAt}, bpf.Conn{Generation: 5, ServerSeen: tick}, true},
		{"down, not silent", grave{generation: 5, down: true, downAt: downAt, silentFor: time.Millisecond},
			bpf.Conn{Generation: 5, ServerSeen: downAt + 1}, false},
		{"down, silent", grave{generation: 5, down: true, downAt: downAt, silentFor: time.Millisecond},
			bpf.Conn{Generation: 5, ServerSeen: downAt}, true},
		{"down, not silent for long enough", grave{generation: 5, down: true, downAt: tick - second/2, silentFor: time.Second},
			bpf.Conn{Generation: 5, ServerSeen: downAt}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.grave.dead(&c.conn, tick); got != c.want {
				t.Errorf("dead: %t", got)
			}
		})
	}
}

// TestServerReturnsDuringWalk: its connections are not reset any more, but
// those of older generations are.
func TestServerReturnsDuringWalk(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11 10.201.0.12", `on_failure = "reset"`))
	w.start()
	w.settled()
	r := w.vips["web"].reals["10.201.0.11"]
	up := server("10.201.0.11", "10.201.0.11", 0)
	down := up
	down.Health = pool.Critical
	w.tell("web", down, server("10.201.0.12", "10.201.0.12", 0))
	w.pass(step)
	g := grave{real: r, generation: 5, down: true, downAt: r.written.DownAt}
	same, older := bpf.Conn{Generation: 5}, bpf.Conn{Generation: 4}
	if !r.down() || !w.still(g, &same) || !w.still(g, &older) {
		t.Fatalf("the server is not down: %+v", r.written)
	}
	w.tell("web", up, server("10.201.0.12", "10.201.0.12", 0))
	w.pass(step)
	if w.still(g, &same) || !w.still(g, &older) {
		t.Errorf("after its return: %t, and %t of an older generation", w.still(g, &same), w.still(g, &older))
	}
}

// TestHauntingEnds with a walk that finds nothing, late enough.
func TestHauntingEnds(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	r := w.vips["web"].reals["10.201.0.11"]
	graves := map[uint32]grave{r.id: {real: r, generation: 1}}
	for _, c := range []struct {
		name  string
		after time.Duration
		ctx   func() context.Context
		want  bool
	}{
		{"too early", 0, context.Background, true},
		{"cut short", haunting, ended, true},
		{"late enough", haunting, context.Background, false},
	} {
		w.reset(c.ctx(), graves, r.retired.Add(c.after))
		if r.haunted != c.want {
			t.Errorf("%s: haunted %t", c.name, r.haunted)
		}
	}
	s := r.server
	s.Generation++
	if err := w.apply(w.vips["web"], s, w.now); err != nil || !r.haunted {
		t.Errorf("retired again: haunted %t, %v", r.haunted, err)
	}
	w.quiet(graves, map[uint32]bool{r.id: true}, w.now.Add(time.Hour))
	if !r.haunted {
		t.Error("not haunted, though a connection was found")
	}
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
