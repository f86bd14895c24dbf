package policy

import (
	"testing"
	"time"
)

// alarmed are the policies whose only feedback is the alarm.
var alarmed = []string{"rr", "rr2", "prr2-ttl1", "prr2-ttl2", "prr2-ttlk", "drr2-ttls1", "drr2-ttls2", "drr2-ttlsk", "dal", "mrl", "least-load"}

// TestAlarm: servers that signal overload are skipped, unless all do. Less load
// than that changes nothing.
func TestAlarm(t *testing.T) {
	for _, c := range []struct {
		name   string
		before string // the pool ten seconds earlier
		pool   string
		want   string // shares
	}{
		{name: "overloaded", pool: "a load=0.95; b load=0.4; c cap=2 load=0.3", want: "b 0.33, c 0.67"},
		{name: "warning", pool: "a warning; b; c cap=2", want: "b 0.33, c 0.67"},
		{name: "warning with a factor of its own", pool: "a warning keeps=0.9; b; c", want: "b 0.50, c 0.50"},
		{name: "loaded, not overloaded", pool: "a load=0.89; b load=0.1; c", want: "a 0.33, b 0.33, c 0.33"},
		{name: "not yet below 0.75 again", before: "a load=0.95; b; c", pool: "a load=0.76; b; c", want: "b 0.50, c 0.50"},
		{name: "below 0.75 again", before: "a load=0.95; b; c", pool: "a load=0.74; b; c", want: "a 0.33, b 0.33, c 0.33"},
		{name: "all overloaded", pool: "a load=0.95; b load=1.5; c cap=2 load=2", want: "a 0.25, b 0.25, c 0.50"},
		{name: "all warn", pool: "a warning; b warning; c warning", want: "a 0.33, b 0.33, c 0.33"},
		{name: "each in its own way", pool: "a warning; b load=0.95; c warning", want: "a 0.33, b 0.33, c 0.33"},
		{name: "all that are alive", pool: "a warning; b critical; c drained", want: "a 1.00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range alarmed {
				if name == "least-load" && c.name == "each in its own way" {
					continue // it need not see all
				}
				k := attend(t, name, papersConfig(), papersRates(), c.pool)
				if c.before != "" {
					k = attend(t, name, papersConfig(), papersRates(), c.before)
					k.pass(10 * time.Second)
					k.next(c.pool)
				}
				wantShares(t, k.plan, c.want)
				for i := range 40 {
					k.ask(keyOf(uint32(i % papersKeys))) // checks that who is given is in
				}
			}
		})
	}
}

// TestAlarmEndsTurns: a server whose alarm is over has its turn again.
func TestAlarmEndsTurns(t *testing.T) {
	k := attend(t, "rr2", papersConfig(), papersRates(), "a; b warning; c")
	if got := k.asked(4, light); got != "a c a c" {
		t.Errorf("with the alarm: %s", got)
	}
	k.next("a; b; c")
	if got := k.asked(4, light); got != "a b c a" {
		t.Errorf("after it: %s", got)
	}
}

// TestAnswersOfManyServers: whatever the capacities, an answer has as many
// servers as it should, and none twice.
func TestAnswersOfManyServers(t *testing.T) {
	for _, c := range []struct {
		name, pool string
		overrides  map[string]Override
	}{
		{name: "as many as there are", pool: "a; b; c"},
		{name: "a very small one", pool: "a cap=1000; b cap=1000; c cap=0.001"},
		{name: "of capacities 0", pool: "a cap=0; b cap=0; c cap=0"},
		{name: "all drained, two of capacity 0", pool: "a drained; b cap=0 drained; c cap=0 drained"},
		{name: "all weighed 0 by the operator", pool: "a; b cap=0; c cap=0",
			overrides: map[string]Override{"a": {}, "b": {}, "c": {}}},
		{name: "nobody live", pool: "a critical; b critical; c critical cap=0.001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range append([]string{"headroom"}, alarmed...) {
				cfg := papersConfig()
				cfg.Answers = 3
				k := attend(t, name, cfg, papersRates(), c.pool)
				k.with(Input{Pool: parsePool(c.pool), Overrides: c.overrides})
				for i := range 60 {
					k.now = k.now.Add(3 * time.Second)
					k.ask(keyOf(uint32(i % papersKeys)))
				}
			}
		})
	}
}
