package schedule

import (
	"strings"
	"testing"
)

func TestKind(t *testing.T) {
	for _, c := range []struct {
		kind                       Kind
		name                       string
		weighted, hashed, counting bool
	}{
		{KindRR, "rr", false, false, false},
		{KindWRR, "wrr", true, false, false},
		{KindLC, "lc", false, false, true},
		{KindWLC, "wlc", true, false, true},
		{KindSH, "sh", true, true, false},
		{KindMaglev, "maglev", true, true, false},
		{KindLoad, "load", true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseKind(c.name); err != nil || got != c.kind {
				t.Errorf("parsed as %v, %v", got, err)
			}
			var back Kind
			text, err := c.kind.MarshalText()
			if err != nil || string(text) != c.name || back.UnmarshalText(text) != nil || back != c.kind {
				t.Errorf("written as %q, %v, and read as %v", text, err, back)
			}
			if c.kind.Weighted() != c.weighted || c.kind.Hashed() != c.hashed || c.kind.Counting() != c.counting {
				t.Errorf("weighted %v, hashed %v, counting %v", c.kind.Weighted(), c.kind.Hashed(), c.kind.Counting())
			}
		})
	}
	if got := len(Kinds()); got != int(kinds) {
		t.Errorf("%d names", got)
	}
	if got := Kind(99).String(); got != "kind(99)" {
		t.Errorf("got %q", got)
	}
	k := KindWLC
	err := k.UnmarshalText([]byte("fastest"))
	if err == nil || !strings.Contains(err.Error(), `"fastest"`) || !strings.Contains(err.Error(), "wlc, sh, maglev") || k != KindWLC {
		t.Errorf("read an unknown name as %v, %v", k, err)
	}
}
