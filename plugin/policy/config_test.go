package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaults(t *testing.T) {
	c := Config{Policy: "weighted", TTL: 5 * time.Minute}.WithDefaults()
	want := Config{Policy: "weighted", Answers: 2, TTL: 5 * time.Minute, MinTTL: 150 * time.Second, MeanTTL: 212 * time.Second,
		Session: 5 * time.Minute, Ramp: 30 * time.Second, Sticky: [2]int{32, 128}}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if c.WithDefaults() != c {
		t.Error("defaults change what is filled in")
	}
	if err := c.Check(); err != nil {
		t.Errorf("defaults are wrong: %v", err)
	}
	for _, c := range []struct {
		policy         string
		ttl, min, mean time.Duration
	}{
		{"weighted", time.Second, time.Second, time.Second},
		{"headroom", time.Second, time.Second, time.Second},
		{"headroom", 40 * time.Second, 20 * time.Second, 28 * time.Second},
		{"headroom", 5 * time.Minute, 30 * time.Second, 95 * time.Second},
		{"drr2-ttlsk", time.Hour, 3 * time.Minute, 805 * time.Second},
		{"", 5 * time.Minute, 0, 0}, // depends on who reports
	} {
		got := Config{Policy: c.policy, TTL: c.ttl}.WithDefaults()
		if got.MinTTL != c.min || got.MeanTTL != c.mean {
			t.Errorf("%s with a TTL of %v: min-ttl %v, mean-ttl %v, want %v and %v", c.policy, c.ttl, got.MinTTL, got.MeanTTL, c.min, c.mean)
		}
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
		{"policy", func(c *Config) { c.Policy = "lottery" }, `unknown policy "lottery": it is one of dal, drr2-ttls1`},
		{"answers", func(c *Config) { c.Answers = 33 }, "answers 33 is not within 1 and 32"},
		{"min-ttl", func(c *Config) { c.MinTTL = 2 * time.Minute }, "min-ttl 2m0s is longer than the record's ttl 1m0s"},
		{"mean-ttl", func(c *Config) { c.MeanTTL = 2 * time.Minute }, "mean-ttl 2m0s is not within min-ttl 30s and the record's ttl 1m0s"},
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
	want := []string{"dal", "drr2-ttls1", "drr2-ttls2", "drr2-ttlsk", "hash", "headroom", "least-load", "mrl",
		"prr2-ttl1", "prr2-ttl2", "prr2-ttlk", "rr", "rr2", "weighted"}
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("names %v", got)
	}
	for _, name := range Names() {
		if p, err := New(name, Options{}); err != nil || p == nil {
			t.Errorf("New(%q): %v, %v", name, p, err)
		}
	}
	if _, err := New("x", Options{}); err == nil || !strings.Contains(err.Error(), "hash, headroom") {
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
