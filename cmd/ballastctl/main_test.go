package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/zones"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// server is a name server that knows what it is told and remembers what it was
// asked.
type server struct {
	status      control.Status
	explanation control.Explanation
	err         error
	matches     int
	served      int // of these, although drained
	asked       control.ExplainRequest
	set         []control.Override
	cleared     []string
}

func (s *server) Status(context.Context) (control.Status, error) { return s.status, s.err }

func (s *server) Explain(_ context.Context, r control.ExplainRequest) (control.Explanation, error) {
	s.asked = r
	return s.explanation, s.err
}

func (s *server) SetOverride(_ context.Context, o control.Override) (control.Override, error) {
	s.set = append(s.set, o)
	o.Set, o.Matches, o.Served = noon, s.matches, s.served
	return o, s.err
}

func (s *server) ClearOverride(_ context.Context, server, name string) (int, error) {
	s.cleared = append(s.cleared, server+" "+name)
	return 1, s.err
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// do runs a command against s. The changes, if any, are made to its env.
func do(t *testing.T, s control.Service, args []string, changes ...func(*env)) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	e := env{
		stdout: &stdout, stderr: &stderr,
		version: "v1.2.3", user: "alice", socket: "/run/ballast/coredns.sock",
		height:        func() int { return 24 },
		now:           func() time.Time { return noon },
		dial:          func(string) control.Service { return s },
		checkCorefile: func(path string) ([]zones.Problem, error) { return nil, fmt.Errorf("unexpected check of %s", path) },
		checkZone:     checkZone,
	}
	for _, change := range changes {
		change(&e)
	}
	code := run(t.Context(), e, args)
	return result{code, stdout.String(), stderr.String()}
}

// golden compares text with a file, which -update writes.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("got:\n%s\nwant (%s):\n%s", text, path, want)
	}
}

func member(id, addr string, health pool.Health, change func(*control.MemberStatus)) control.MemberStatus {
	m := control.MemberStatus{ID: id, Addrs: []netip.Addr{netip.MustParseAddr(addr)}, Port: 80, Health: health}
	change(&m)
	return m
}

func loaded(m *control.MemberStatus, value float64, age time.Duration) {
	m.Load, m.LoadAge = &value, control.Seconds(age)
}

// example is a name server with a bit of everything.
func example() *server {
	members := []control.MemberStatus{
		member("web-1", "192.0.2.11", pool.Passing, func(m *control.MemberStatus) {
			loaded(m, 0.42, 4*time.Second)
			m.Addrs = append(m.Addrs, netip.MustParseAddr("2001:db8::11"))
			m.Weight, m.Share, m.Answers, m.In = 1.2, 0.6667, 12345, true
		}),
		member("web-2", "2001:db8::12", pool.Warning, func(m *control.MemberStatus) {
			loaded(m, 0.88, 1500*time.Millisecond)
			m.HealthWhy, m.Why = "load", []string{"warning: load", "load 0.88 lowers the weight"}
			m.Weight, m.Share, m.Answers, m.In = 0.6, 0.3333, 6789, true
		}),
		member("web-3", "192.0.2.13", pool.Critical, func(m *control.MemberStatus) {
			m.HealthWhy = "tcp: connection refused"
		}),
		member("web-4", "192.0.2.14", pool.Drained, func(m *control.MemberStatus) {
			m.Tier, m.Why = 10, []string{"drained by operator: alice: kernel update, until 2026-11-22T12:10:00Z", "tier 10 waits behind tier 0, which has live servers"}
		}),
	}
	return &server{
		matches: 1,
		status: control.Status{
			Program: "coredns", Version: "1.15.0", PID: 4242, Started: noon.Add(-3 * time.Hour),
			Zones: []control.ZoneStatus{
				{
					Origin: "example.org.", File: "zones/example.org.zone", Serial: 2026112201, InFile: 2026112201, Loaded: noon.Add(-5 * time.Minute), Records: 12, LBs: 1,
					Names: []control.NameStatus{{
						Name: "www.example.org.", Source: "consul web", Policy: "weighted", Mode: "live",
						TTL: control.Seconds(42 * time.Second), MinTTL: control.Seconds(30 * time.Second), MaxTTL: control.Seconds(300 * time.Second),
						TTLWhy: "near threshold: load of web-2 reaches 0.90 in 42s", Members: members,
					}},
				},
				{
					Origin: "example.net.", File: "zones/example.net.zone", Serial: 7, InFile: 7, Loaded: noon.Add(-50 * time.Hour), Records: 3, LBs: 1,
					Names: []control.NameStatus{{
						Name: "api.example.net.", Source: "srv _api._tcp.example.net.", Policy: "hash", Mode: "live",
						TTL: control.Seconds(time.Minute), MinTTL: control.Seconds(time.Second), MaxTTL: control.Seconds(time.Minute),
						Members: members[:1],
					}},
				},
			},
			Sources: []control.SourceStatus{
				{Source: "consul web", Age: control.Seconds(2 * time.Second), Servers: 4, Confirmed: noon.Add(-2 * time.Second)},
				{Source: "srv _api._tcp.example.net.", Age: control.Seconds(time.Second), Servers: 1, Confirmed: noon.Add(-time.Second)},
			},
			Overrides: []control.Override{
				{Server: "web-4", Drain: true, Until: noon.Add(10*time.Minute - time.Millisecond), By: "alice: kernel update", Set: noon.Add(-time.Minute), Matches: 1},
				{Server: "192.0.2.*", Name: "www.example.org", Factor: 0.5, Set: noon.Add(-3 * 24 * time.Hour), Matches: 3},
			},
		},
		explanation: control.Explanation{
			Name: "www.example.org.", Zone: "example.org.", Type: "A", Key: "203.0.113.0/24",
			Source: "consul web", Policy: "weighted", Mode: "live", TTL: control.Seconds(42 * time.Second),
			Drawn: []string{"web-1", "web-2"}, Sampled: true,
			Bounds: []control.Bound{
				{Name: "near threshold", TTL: control.Seconds(42500 * time.Millisecond), Server: "web-2", Why: "load 0.88 reaches 0.90 in 42s"},
				{Name: "flip", TTL: control.Seconds(60 * time.Second), Server: "web-1", Why: "could become critical in 60s"},
				{Name: "record ttl", TTL: control.Seconds(300 * time.Second), Why: "the longest that the record allows"},
			},
			Members: []control.ExplainedMember{
				{MemberStatus: members[0], Factors: control.Factors{Capacity: 2, Health: 1, Headroom: 0.6, Ramp: 1, Override: 1}},
				{MemberStatus: members[1], Factors: control.Factors{Capacity: 2, Health: 0.5, Headroom: 0.6, Ramp: 1, Override: 1}},
				{MemberStatus: members[2], Factors: control.Factors{Capacity: 2, Headroom: 1, Ramp: 1, Override: 1}},
				{MemberStatus: members[3], Factors: control.Factors{Capacity: 1, Health: 1, Headroom: 1, Ramp: 1, Override: 1}},
			},
		},
	}
}

// exampleKey is example with a policy that knows the resolver key.
func exampleKey() *server {
	s := example()
	e := &s.explanation
	e.Policy, e.Key, e.Sampled, e.Tolerance = "headroom", "203.0.113.53/32", false, 0.11
	e.HiddenLoad = &control.HiddenLoad{Known: true, Trusted: true, Rate: 0.46, Share: 0.28, Keys: 20,
		Floor: control.Seconds(time.Minute), Caches: 1, Seen: 0.34, Held: []string{"web-2", "web-1"}, HeldLeft: control.Seconds(7 * time.Second)}
	e.Members[0].Belief = &control.Belief{Load: 0.612, Share: 0.667, Longest: control.Seconds(42 * time.Second)}
	e.Members[1].Belief = &control.Belief{Load: 0.388, Share: 0.333}
	return s
}

// exampleStranger is the same for a key that is not known.
func exampleStranger() *server {
	s := exampleKey()
	s.explanation.HiddenLoad = &control.HiddenLoad{Keys: 1}
	s.explanation.Sampled = true
	return s
}

// troubles is example with a broken zone file, a lost Consul and nobody live.
func troubles() *server {
	s := example()
	zone := &s.status.Zones[0]
	zone.Serial += 4
	zone.Err, zone.Failed = "zones/example.org.zone:7: bad address \"192.0.2.300\"; write four numbers of 0 to 255\nzones/example.org.zone:9: record of unknown type", noon.Add(-2*time.Minute)
	zone.Names = slices.Clone(zone.Names)
	name := &zone.Names[0]
	name.Mode, name.Reason, name.Members = "all-down", "nobody is live: all are served", slices.Clone(name.Members[2:3])
	name.Members[0].In, name.Members[0].Share, name.Members[0].Weight = true, 1, 2
	s.status.Sources[0].Err = "connection refused"
	s.status.Sources[0].Snapshot = noon.Add(-7 * time.Minute)
	s.status.Sources[1].Confirmed = time.Time{}
	s.status.State = &control.StateStatus{Dir: "/var/lib/ballast", Current: noon.Add(-7 * time.Minute), Err: "write /var/lib/ballast/pools.jsonl.new: no space left on device"}
	s.status.Peers = []control.PeerStatus{
		{Peer: "192.0.2.54:5380", Heard: noon.Add(-3 * time.Second)},
		{Peer: "192.0.2.55:5380", Err: "was never heard of: does it run, with the same secret, and let UDP through?"},
	}
	e := &s.explanation
	e.Confirmed, e.Snapshot = noon.Add(-8*time.Minute), noon.Add(-7*time.Minute)
	e.Mode, e.Reason, e.Key, e.Sampled, e.Drawn = "all-down", "nobody is live: all are served", "", false, []string{"web-3"}
	e.Members = []control.ExplainedMember{{MemberStatus: name.Members[0], Factors: e.Members[2].Factors}}
	e.TTL = control.Seconds(30 * time.Second)
	e.Bounds = append([]control.Bound{
		{Name: "stale", TTL: control.Seconds(1500 * time.Millisecond), Why: "trouble with the source"},
		{Name: "min-ttl", TTL: control.Seconds(30 * time.Second), Why: "the shortest that the record allows"},
	}, e.Bounds[2])
	return s
}
