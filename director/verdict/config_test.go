package verdict

import (
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	if err := Defaults().Check(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	if err := (Config{}).Check(); err != nil {
		t.Errorf("everything off: %v", err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"slow start", func(c *Config) { c.SlowStart = -time.Second }, "slow start -1s is negative"},
		{"quorum", func(c *Config) { c.Quorum = -1 }, "quorum of -1 servers"},
		{"margin", func(c *Config) { c.QuorumMargin = -1 }, "quorum margin of -1"},
		{"share", func(c *Config) { c.QuorumShare = 60 }, "quorum share 60 is not within 0 and 1"},
		{"share that is no number", asFloat, "quorum share NaN"},
		{"consecutive", func(c *Config) { c.Consecutive = -1 }, "ejection after -1 failures"},
		{"base", func(c *Config) { c.BaseEjection = 0 }, "ejection for 0s"},
		{"longest", func(c *Config) { c.MaxEjection = time.Second }, "longest ejection 1s is shorter than the first, 5s"},
		{"percent", func(c *Config) { c.MaxEjected = 101 }, "at most 101 percent"},
		{"drain", func(c *Config) { c.DrainDeadline = -time.Second }, "drain deadline -1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := with(c.change).Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
