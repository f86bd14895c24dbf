package director

import (
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/control"
)

// state is a server's in the verdict.
func (w *world) stateOf(vip, id string) verdict.State {
	w.t.Helper()
	for _, s := range w.vips[vip].verdict.Servers {
		if s.ID == id {
			return s.State
		}
	}
	w.t.Fatalf("%s has no server %s", vip, id)
	return 0
}

func (w *world) drain(o control.DrainOrder) control.DrainOrder {
	w.t.Helper()
	o, err := w.Drain(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pass(step)
	return o
}

func TestOrders(t *testing.T) {
	const a, b = "10.201.0.11", "10.201.0.12"
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, a+" "+b), vipBlock("api", "10.200.0.2", 80, a+" "+b))
	w.start()
	w.settled()
	states := func(name string, webA, webB, apiA verdict.State) {
		t.Helper()
		for _, c := range []struct {
			vip, id string
			want    verdict.State
		}{{"web", a, webA}, {"web", b, webB}, {"api", a, apiA}} {
			if got := w.stateOf(c.vip, c.id); got != c.want {
				t.Errorf("%s: %s of %s is %v, want %v", name, c.id, c.vip, got, c.want)
			}
		}
	}
	const up, draining, down = verdict.Up, verdict.Draining, verdict.Down
	if o := w.drain(control.DrainOrder{Server: a, VIP: "web"}); o.Matches != 1 || o.Set.IsZero() {
		t.Errorf("%+v", o)
	}
	states("of one VIP", draining, up, up)
	if o := w.drain(control.DrainOrder{Server: "*.11"}); o.Matches != 2 {
		t.Errorf("%+v", o)
	}
	states("of all VIPs", draining, up, draining)
	w.restart()
	w.settled()
	states("after a restart", draining, up, draining)
	if n, err := w.Undrain(t.Context(), "*.11", ""); n != 1 || err != nil {
		t.Errorf("%d undrained, %v", n, err)
	}
	w.pass(step)
	states("undrained", draining, up, up)
	if n, err := w.Undrain(t.Context(), a, ""); n != 1 || err != nil {
		t.Errorf("%d undrained, %v", n, err)
	}
	w.pass(step)
	states("all undrained", up, up, up)
	if _, err := w.Undrain(t.Context(), a, ""); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("undrained once more: %v", err)
	}
	if _, err := w.Drain(t.Context(), control.DrainOrder{}); !errors.Is(err, control.ErrInvalid) {
		t.Errorf("a drain of nothing: %v", err)
	}
	w.now = time.Now()
	w.drain(control.DrainOrder{Server: b, Until: w.now.Add(time.Minute)})
	w.drain(control.DrainOrder{Server: b, Until: w.now.Add(time.Hour)}) // replaces it
	w.pass(2 * time.Minute)
	states("for an hour", up, draining, up)
	w.pass(time.Hour)
	states("expired", up, up, up)
	if len(w.orders) != 0 {
		t.Errorf("%+v", w.orders)
	}
	w.restart() // the clock is right again
	w.settled()
	generation := w.generation("web", a)
	w.drain(control.DrainOrder{Server: a, Deadline: time.Now().Add(time.Hour)})
	w.stop(w.Director)
	w.start()
	w.now = w.now.Add(2 * time.Hour) // it was down when the deadline came
	w.settled()
	states("after the deadline", down, up, down)
	if got := w.generation("web", a); got != generation+1 {
		t.Errorf("generation %d, was %d: its connections go on", got, generation)
	}
}

// TestDrainDeadlineOfVIP counts from the order, over restarts.
func TestDrainDeadlineOfVIP(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11 10.201.0.12", `drain_deadline = "1h"`))
	w.start()
	w.settled()
	o := w.drain(control.DrainOrder{Server: "10.201.0.11"})
	w.restart()
	w.settled()
	w.pass(30 * time.Minute)
	for _, s := range w.vips["web"].verdict.Servers {
		if s.ID == "10.201.0.11" && !s.DrainDeadline.Equal(o.Set.Add(time.Hour)) {
			t.Errorf("drained until %v, ordered at %v", s.DrainDeadline, o.Set)
		}
	}
}
