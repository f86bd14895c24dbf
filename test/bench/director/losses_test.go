//go:build linux

package main

import (
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// attempts are one each 100 ms from 0 on, to servers by turns, answered after
// 1 ms.
func attempts(n int, servers ...string) (r lab.Report) {
	for i := range n {
		r = append(r, lab.Attempt{At: time.Duration(i) * 100 * time.Millisecond,
			Answered: time.Millisecond, Server: servers[i%len(servers)]})
	}
	return r
}

func TestEventRow(t *testing.T) {
	closes, returns := events[0], events[3]
	slow := attempts(60, "s2")
	slow[30].Answered = 20 * time.Millisecond
	failed := attempts(60, "s2")
	failed[30].Answered, failed[30].Server = 0, ""
	failed[30].Err, failed[30].Fault = errors.New("no"), lab.Refused
	early := attempts(60, "s2")
	early[10] = failed[30]
	early[10].At = time.Second
	for _, c := range []struct {
		name   string
		event  event
		way    string
		report lab.Report
		goal   string
		note   string
	}{
		{"all is well", closes, ballast, attempts(60, "s2"), "0 failed of at most 0, slowest 1 of at most 15 ms: met", "0 of 60 failed"},
		{"one is slow", closes, ballast, slow, "0 failed of at most 0, slowest 20 of at most 15 ms: **missed**", "0 of 60 failed"},
		{"one fails", closes, ballast, failed, "1 failed of at most 0, slowest 1 of at most 15 ms: **missed**", "1 of 60 failed (1 refused)"},
		{"a rival has no goal", closes, nftables, failed, "", "1 of 60 failed (1 refused)"},
		{"what failed before the return", returns, ballast, early, "0 failed of at most 0, its share 0 of at most 0.4 in its first second: met", "0 of 39 failed"},
		{"a herd on the server that returned", returns, ballast, append(attempts(30, "s2"), attempts(60, "s1")[30:]...),
			"0 failed of at most 0, its share 1 of at most 0.4 in its first second: **missed**", "0 of 39 failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := c.event.row(c.way, c.report, 2*time.Second)
			if got := row.Goal.String(); got != c.goal {
				t.Errorf("goal %q, want %q", got, c.goal)
			}
			if row.Note != c.note {
				t.Errorf("note %q, want %q", row.Note, c.note)
			}
		})
	}
}

func TestFirstSecond(t *testing.T) {
	r := append(attempts(30, "s2", "s3"), attempts(60, "s1", "s2", "s3", "s2")[30:]...)
	if got := firstSecond(r, "s1"); got != 0.3 {
		t.Errorf("share %v, want 0.3: from its first connection on, at 3.2 s", got)
	}
	if got := firstSecond(r, "s9"); got != 0 {
		t.Errorf("share %v of a server that had none", got)
	}
}
