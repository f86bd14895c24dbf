package director

import (
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/internal/pool"
)

// booted is a server with a boot id.
func booted(s pool.Server, boot string) pool.Server {
	s.Load.Boot = boot
	return s
}

func TestRebootRetiresConnections(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	v := w.vips["web"]
	s := server("10.201.0.11", "10.201.0.11", 0)
	w.tell("web", booted(s, "one"))
	w.pass(step)
	id := v.reals[s.ID].id
	before := w.plane.Reals(v.id)[id]
	down := s
	down.Health = pool.Critical
	w.tell("web", booted(down, "one"), server("10.201.0.12", "10.201.0.12", 0))
	w.pass(step)
	if r := w.plane.Reals(v.id)[id]; r.State != bpf.DirectorRealStateREAL_DOWN || r.Generation != before.Generation {
		t.Errorf("down: %+v", r)
	}
	w.tell("web", booted(s, "two"))
	w.pass(step)
	r := w.plane.Reals(v.id)[id]
	if r.State != bpf.DirectorRealStateREAL_UP || r.Generation != before.Generation+1 {
		t.Errorf("booted anew: %+v, was %+v", r, before)
	}
	w.pass(judgeEvery)
	if again := w.plane.Reals(v.id)[id].Generation; again != r.Generation {
		t.Errorf("retired again: %d, was %d", again, r.Generation)
	}
}

// TestRetiringIsTriedAgain: nothing else is written before it has worked.
func TestRetiringIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	v := w.vips["web"]
	r := v.reals["10.201.0.11"]
	judged, id := r.server, r.id
	before := w.plane.Reals(v.id)[id].Generation
	r.id = 4000 // there is none
	judged.Generation++
	judged.Weight = 17
	if err := w.apply(v, judged, w.now); err == nil {
		t.Fatal("it was retired")
	}
	r.id = id
	if err := w.apply(v, judged, w.now); err != nil {
		t.Fatal(err)
	}
	if got := w.plane.Reals(v.id)[id]; got.Generation != before+1 || got.Weight != 17 {
		t.Errorf("then it is %+v", got)
	}
}
