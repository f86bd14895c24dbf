package director

import (
	"slices"
	"testing"
	"time"
)

// TestFirstPoolThatIsEmpty is not believed at once, if there were servers.
func TestFirstPoolThatIsEmpty(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	w.restart()
	await(t, "its servers are known", func() bool { return w.vips["web"].servers.last() != nil })
	w.tell("web")
	w.pass(step)
	if got := w.members("web"); !slices.Equal(got, []string{"10.201.0.11"}) || w.vips["web"].verdict != nil {
		t.Errorf("connections go to %v", got)
	}
	w.pass(patience)
	if got := w.members("web"); len(got) > 0 {
		t.Errorf("later connections go to %v", got)
	}
	w.tell("web", server("10.201.0.11", "10.201.0.11", 0))
	w.pass(step)
	w.tell("web")
	w.now = time.Now()
	w.pass(step)
	if got := w.members("web"); len(got) > 0 {
		t.Errorf("connections go to %v, though all servers are known to have left", got)
	}
}
