package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaults(t *testing.T) {
	c := Config{TTL: 5 * time.Minute}.WithDefaults()
	want := Config{Policy: "weighted", Answers: 2, TTL: 5 * time.Minute, MinTTL: 150 * time.Second,
		Ramp: 30 * time.Second, Sticky: [2]int{32, 128}}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if c.WithDefaults() != c {
		t.Error("defaults change what is filled in")
	}
	if err := c.Check(); err != nil {
		t.Errorf("defaults are wrong: %v", err)
	}
	if got := (Config{TTL: time.Second}).WithDefaults().MinTTL; got != time.Second {
		t.Errorf("min-ttl of a TTL of 1s: %v", got)
	}
	off := Config{Ramp: NoRamp, UpThresh: -1, Sticky: [2]int{-1, -1}}.WithDefaults()
	if off.Ramp > 0 || off.UpThresh != 0 || off.Sticky != [2]int{-1, -1} || off.Check() != nil {
		t.Errorf("what was switched off: %+v, %v", off, off.Check())
	}
}

func TestCheck(t *testing.T) {
	good := Config{}.WithDefaults()
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"policy", func(c *Config) { c.Policy = "lottery" }, `unknown policy "lottery": it is one of hash, weighted`},
		{"answers", func(c *Config) { c.Answers = 33 }, "answers 33 is not within 1 and 32"},
		{"min-ttl", func(c *Config) { c.MinTTL = 2 * time.Minute }, "min-ttl 2m0s is longer than the record's ttl 1m0s"},
		{"no min-ttl", func(c *Config) { c.MinTTL = time.Millisecond }, "min-ttl 1ms is shorter than 1s"},
		{"ttl", func(c *Config) { c.TTL = 1 << 62 }, "is longer than"},
		{"up-thresh", func(c *Config) { c.UpThresh = 1.5 }, "up-thresh 1.5 is not within 0 and 1"},
		{"empty", func(c *Config) { c.Empty = 9 }, "empty(9) is not a way"},
		{"sticky", func(c *Config) { c.Sticky[0] = 33 }, "sticky prefix length 33 is longer than an address of 32 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	if got := Names(); !slices.Equal(got, []string{"hash", "weighted"}) {
		t.Errorf("names %v", got)
	}
	for _, name := range Names() {
		if p, err := New(name); err != nil || p == nil {
			t.Errorf("New(%q): %v, %v", name, p, err)
		}
	}
	if _, err := New("x"); err == nil || !strings.Contains(err.Error(), "hash, weighted") {
		t.Errorf("error %v does not list the names", err)
	}
}

func TestText(t *testing.T) {
	for i, name := range emptyNames {
		var e Empty
		if err := e.UnmarshalText([]byte(name)); err != nil || e != Empty(i) || e.String() != name {
			t.Errorf("%q: %v, %v", name, e, err)
		}
	}
	var e Empty
	if err := e.UnmarshalText([]byte("some")); err == nil || !strings.Contains(err.Error(), "all, last, fallback, none") {
		t.Errorf("error %v", err)
	}
	b, err := json.Marshal(map[string]any{"m": AllDown, "f": AAAA, "e": EmptyLast, "x": Mode(99)})
	if want := `{"e":"last","f":"AAAA","m":"all-down","x":"mode(99)"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v; want %s", b, err, want)
	}
	if len(modeNames) != int(Waiting)+1 || len(familyNames) != int(Families) {
		t.Error("a mode or a family has no name")
	}
}
