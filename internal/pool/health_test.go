package pool

import "testing"

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		h     Health
		name  string
		alive bool
	}{
		{Unknown, "unknown", true},
		{Passing, "passing", true},
		{Warning, "warning", true},
		{Critical, "critical", false},
		{Drained, "drained", false},
	} {
		if c.h.String() != c.name || c.h.Alive() != c.alive {
			t.Errorf("%d: %q alive=%v, want %q %v", c.h, c.h, c.h.Alive(), c.name, c.alive)
		}
		var back Health
		if err := back.UnmarshalText([]byte(c.name)); err != nil || back != c.h {
			t.Errorf("%s reads as %v, %v", c.name, back, err)
		}
	}
	if got := Health(9).String(); got != "health(9)" {
		t.Errorf("got %q", got)
	}
	h := Passing
	if err := h.UnmarshalText([]byte("well")); err == nil || h != Passing {
		t.Errorf("reads an unknown name as %v, %v", h, err)
	}
}
