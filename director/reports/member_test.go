package reports

import (
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

var t0 = time.Unix(1_800_000_000, 0)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

func TestChoose(t *testing.T) {
	load := func(value float64, boot string, seconds int) pool.Load {
		return pool.Load{Value: value, Boot: boot, At: at(seconds)}
	}
	for _, c := range []struct {
		name        string
		known, told word
		heard       int
		want        float64
	}{
		{"nothing at all", word{}, word{}, 0, 0},
		{"the source alone", word{load(0.1, "a", 0), t0}, word{}, 0, 0.1},
		{"the agent alone, however old", word{}, word{load(0.2, "a", 0), t0}, 0, 0.2},
		{"the agent's own word is finer", word{load(0.1, "a", 5), t0}, word{load(0.2, "a", 4), t0}, 4, 0.2},
		{"an old sample, told just now", word{load(0.1, "a", 25), t0}, word{load(0.2, "a", 4), t0}, 24, 0.2},
		{"the agent is silent for long", word{load(0.1, "a", 15), t0}, word{load(0.2, "a", 4), t0}, 4, 0.1},
		{"Meta lags behind a restart", word{load(0.1, "a", 9), at(0)}, word{load(0.2, "b", 8), at(8)}, 8, 0.2},
		{"Meta tells of a restart first", word{load(0.1, "b", 9), at(9)}, word{load(0.2, "a", 8), at(1)}, 8, 0.1},
		{"Meta tells no boot id", word{load(0.1, "", 9), at(9)}, word{load(0.2, "a", 8), at(1)}, 8, 0.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := choose(c.known, c.told, at(c.heard), 10*time.Second); got.Value != c.want {
				t.Errorf("load %v, want %v", got.Value, c.want)
			}
		})
	}
}

func TestMergeHealth(t *testing.T) {
	for _, c := range []struct {
		source, agent, want pool.Health
	}{
		{pool.Passing, pool.Passing, pool.Passing},
		{pool.Passing, pool.Warning, pool.Warning},
		{pool.Unknown, pool.Warning, pool.Warning},
		{pool.Unknown, pool.Passing, pool.Unknown},
		{pool.Warning, pool.Passing, pool.Warning},
		{pool.Critical, pool.Passing, pool.Critical},
		{pool.Critical, pool.Warning, pool.Critical},
		{pool.Drained, pool.Warning, pool.Drained},
		{pool.Passing, pool.Critical, pool.Passing}, // an agent that stops ends no connections
		{pool.Passing, pool.Drained, pool.Passing},
	} {
		t.Run(c.source.String()+" and "+c.agent.String(), func(t *testing.T) {
			m := &member{}
			m.take(outcome{report: pool.Report{Load: 0.5, Health: c.agent, Reason: "why"}, at: at(5)}, time.Minute)
			s := m.merge(pool.Server{ID: "a", Health: c.source, Reason: "checks", Since: t0}, time.Minute)
			if s.Health != c.want || s.Load.Value != 0.5 {
				t.Errorf("%+v, want %v", s, c.want)
			}
			turned := c.want == pool.Warning && c.source != pool.Warning
			if reason := map[bool]string{true: "agent: why", false: "checks"}[turned]; s.Reason != reason {
				t.Errorf("reason %q, want %q", s.Reason, reason)
			}
			if since := map[bool]time.Time{true: at(5), false: t0}[turned]; !s.Since.Equal(since) {
				t.Errorf("since %v, want %v", s.Since, since)
			}
		})
	}
}

func TestTake(t *testing.T) {
	m, hold := &member{}, 10*time.Second
	report := func(load float64, boot string, seq uint64, h pool.Health) pool.Report {
		return pool.Report{Load: load, Boot: boot, Seq: seq, Health: h}
	}
	silent := errors.New("connection refused")
	for _, c := range []struct {
		name    string
		seconds int
		report  pool.Report
		err     error
		want    news
		loadAt  int
		warned  bool
	}{
		{"first", 0, report(0.2, "a", 1, pool.Passing), nil, loadOnly, 0, false},
		{"the same sample", 1, report(0.2, "a", 1, pool.Passing), nil, nothing, 0, false},
		{"a new sample of the same", 2, report(0.2, "a", 2, pool.Passing), nil, nothing, 2, false},
		{"another load", 3, report(0.3, "a", 3, pool.Passing), nil, loadOnly, 3, false},
		{"restarted", 4, report(0.3, "b", 3, pool.Passing), nil, urgent, 4, false},
		{"overloaded", 5, report(0.95, "b", 4, pool.Warning), nil, urgent, 5, true},
		{"still", 6, report(0.95, "b", 5, pool.Warning), nil, nothing, 6, true},
		{"silent", 10, pool.Report{}, silent, nothing, 6, true},
		{"silent for long", 17, pool.Report{}, silent, urgent, 6, false},
		{"an agent without Seq", 18, report(0.95, "b", 0, pool.Passing), nil, nothing, 18, false},
		{"again without", 19, report(0.95, "b", 0, pool.Passing), nil, nothing, 19, false},
	} {
		if got := m.take(outcome{report: c.report, err: c.err, at: at(c.seconds)}, hold); got != c.want {
			t.Errorf("%s: news %v, want %v", c.name, got, c.want)
		}
		if !m.told.load.At.Equal(at(c.loadAt)) || m.warned != c.warned || (m.trouble != "") != (c.err != nil) {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}
