package main

import (
	"context"
	"iter"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

// director is a director that knows what it is told and remembers what it was
// asked.
type director struct {
	status   control.DirectorStatus
	conns    []control.Connection
	explain  control.ConnExplain
	err      error
	matches  int
	asked    control.ConnExplainRequest
	filter   control.ConnFilter
	drained  []control.DrainOrder
	undrains []string
}

func (d *director) Status(context.Context) (control.DirectorStatus, error) { return d.status, d.err }

func (d *director) Connections(_ context.Context, f control.ConnFilter) iter.Seq2[control.Connection, error] {
	d.filter = f
	return func(yield func(control.Connection, error) bool) {
		n := 0
		for _, c := range d.conns {
			if !f.Match(&c) || f.Limit > 0 && n == f.Limit {
				continue
			}
			if n++; !yield(c, nil) {
				return
			}
		}
		if d.err != nil {
			yield(control.Connection{}, d.err)
		}
	}
}

func (d *director) Explain(_ context.Context, r control.ConnExplainRequest) (control.ConnExplain, error) {
	d.asked = r
	return d.explain, d.err
}

func (d *director) Drain(_ context.Context, o control.DrainOrder) (control.DrainOrder, error) {
	d.drained = append(d.drained, o)
	o.Set, o.Matches, o.Connections = noon, d.matches, 12
	return o, d.err
}

func (d *director) Undrain(_ context.Context, server, vip string) (int, error) {
	d.undrains = append(d.undrains, server+" "+vip)
	return 1, d.err
}

// direct runs a command below director against d.
func direct(t *testing.T, d control.Director, args []string, changes ...func(*env)) result {
	t.Helper()
	towards := func(e *env) {
		e.directorSocket = control.DirectorPath
		e.dialDirector = func(string) control.Director { return d }
	}
	return do(t, nil, append([]string{"director"}, args...), append([]func(*env){towards}, changes...)...)
}

func realDialDirector(e *env) {
	e.dialDirector = func(path string) control.Director { return control.DialDirector(path) }
}

func realServer(id, address string, state control.RealState, change func(*control.RealStatus)) control.RealStatus {
	r := control.RealStatus{ID: id, Address: netip.MustParseAddrPort(address), State: state, Weight: 1, Capacity: 1, Ramp: 1}
	change(&r)
	return r
}

func exampleWeb() control.VIPStatus {
	load := 0.42
	return control.VIPStatus{
		Name: "web", Address: netip.MustParseAddr("192.0.2.100"), Ports: []uint16{80, 443}, Protocol: "tcp", Scheduler: "wlc", Mode: "nat",
		Persistence: &control.PersistenceStatus{Timeout: control.Seconds(6 * time.Minute), Prefix: 24}, Source: "consul web",
		Quorum: control.QuorumStatus{Needed: 1, Alive: 2, Met: true}, OnFailure: "reset-if-silent",
		Rates:   control.Rates{Conns: 101.5, InPackets: 2345, OutPackets: 3456, InBytes: 234567, OutBytes: 12345678},
		Totals:  control.Volume{Conns: 123456, InPackets: 2345678, OutPackets: 3456789, InBytes: 345678901, OutBytes: 9876543210},
		Reasons: map[string]uint64{"forward-in": 2345678, "forward-out": 3456789, "forward-new": 123456, "retry-reset": 12, "retry-silent": 12},
		Servers: []control.RealStatus{
			realServer("web-1", "10.201.0.11:8080", control.RealUp, func(r *control.RealStatus) {
				r.Weight, r.Load, r.LoadAge = 1.2, &load, control.Seconds(time.Second)
				r.Active, r.Inactive, r.Misses = 321, 45, 3
				r.Rates = control.Rates{Conns: 67.25, InPackets: 1500, OutPackets: 2500, InBytes: 150000, OutBytes: 9876543}
				r.Totals = control.Volume{Conns: 99999, InPackets: 1500000, OutPackets: 2500000, InBytes: 300000000, OutBytes: 8765432109}
			}),
			realServer("web-2", "10.201.0.12:8080", control.RealUp, func(r *control.RealStatus) {
				r.Weight, r.Ramp, r.Active = 0.25, 0.25, 3
				r.Rates.Conns = 0.5
			}),
			realServer("web-3", "10.201.0.13:8080", control.RealDown, func(r *control.RealStatus) {
				r.Weight, r.Reason, r.Since, r.Resets, r.Unreachable = 0, "tcp: connection refused", noon.Add(-2*time.Minute), 20, 1
			}),
			realServer("web-4", "10.201.0.14:8080", control.RealDraining, func(r *control.RealStatus) {
				r.Weight, r.Reason, r.Since, r.Active, r.DrainDeadline = 0, "drained by alice: kernel update", noon.Add(-time.Minute), 12, noon.Add(9*time.Minute)
			}),
			realServer("web-5", "10.201.0.15:8080", control.RealEjected, func(r *control.RealStatus) {
				r.Weight, r.Reason, r.Since, r.Misses = 0, "5 connections in a row failed", noon.Add(-3*time.Second), 5
			}),
		},
	}
}

func exampleDNS() control.VIPStatus {
	return control.VIPStatus{
		Name: "dns", Address: netip.MustParseAddr("2001:db8::100"), Ports: []uint16{53}, Protocol: "udp", Scheduler: "maglev", Mode: "fullnat",
		Source: "list", Quorum: control.QuorumStatus{Needed: 1, Alive: 1, Met: true}, OnFailure: "reset-if-silent",
		Servers: []control.RealStatus{
			realServer("2001:db8:201::11", "[2001:db8:201::11]:0", control.RealUp, func(r *control.RealStatus) { r.Active = 7 }),
			realServer("2001:db8:201::12", "[2001:db8:201::12]:0", control.RealUp, func(r *control.RealStatus) { r.Fallback = true }),
		},
	}
}

// exampleDirector is a director with a bit of everything.
func exampleDirector() *director {
	web, dns := exampleWeb(), exampleDNS()
	conns := exampleConns()
	return &director{
		matches: 1,
		status: control.DirectorStatus{
			Program: "ballast-director", Version: "0.3.0", PID: 4242, Started: noon.Add(-3 * time.Hour),
			Config: "/etc/ballast/director.hcl", ConfigLoaded: noon.Add(-5 * time.Minute),
			Interfaces: []control.InterfaceStatus{{Name: "d0", Index: 3, Attached: true}, {Name: "br0", Index: 4, Attached: true}},
			Table:      control.TableStatus{Connections: 1234, Capacity: 262144, HalfOpen: 12, Displaced: 3, Expired: 4321000},
			Sources:    []control.SourceStatus{{Source: "consul web", Age: control.Seconds(2 * time.Second), Servers: 5, Confirmed: noon.Add(-2 * time.Second)}},
			VIPs:       []control.VIPStatus{web, dns},
			Drains: []control.DrainOrder{{Server: "web-4", VIP: "web", Until: noon.Add(time.Hour), Deadline: noon.Add(9 * time.Minute),
				By: "alice: kernel update", Set: noon.Add(-time.Minute), Matches: 1, Connections: 12}},
			Reasons: map[string]uint64{"pass-other": 123456789, "pass-not-ip": 42},
		},
		conns: conns,
		explain: control.ConnExplain{
			Client: conns[0].Client, Service: "web", Found: true, Connection: &conns[0],
			Sentences: []string{
				"wlc chose web-3 first: it had the fewest connections for its weight.",
				"web-3 answered the SYN with a RST, which was held back; the SYN was rebuilt and sent to web-1 after 0.2 ms.",
			},
			Candidates: []control.Candidate{
				{Server: "web-1", Address: web.Servers[0].Address, State: control.RealUp, Eligible: true, Active: 321, Weight: 1.2},
				{Server: "web-2", Address: web.Servers[1].Address, State: control.RealUp, Eligible: true, Next: true, Active: 3, Weight: 0.25, Why: "12 connections for each unit of weight, the fewest"},
				{Server: "web-3", Address: web.Servers[2].Address, State: control.RealDown, Tried: true, Why: "tcp: connection refused"},
			},
		},
	}
}

func exampleConns() []control.Connection {
	one := func(client, vip, server, id string, state control.ConnState, change func(*control.Connection)) control.Connection {
		c := control.Connection{
			Protocol: "tcp", Client: netip.MustParseAddrPort(client), VIP: netip.MustParseAddrPort(vip), Service: "web",
			Server: netip.MustParseAddrPort(server), ServerID: id, State: state,
			Idle: control.Seconds(2 * time.Second), Silent: control.Seconds(3 * time.Second), Expires: control.Seconds(15 * time.Minute),
		}
		change(&c)
		return c
	}
	return []control.Connection{
		one("203.0.113.7:40312", "192.0.2.100:443", "10.201.0.11:8443", "web-1", control.ConnEstablished, func(c *control.Connection) {
			c.Tried = []string{"web-3"}
		}),
		one("203.0.113.8:51000", "192.0.2.100:80", "10.201.0.12:8080", "web-2", control.ConnFinWait, func(c *control.Connection) {
			c.Flags, c.Repeats, c.Expires = []string{control.FlagClientClosed}, 2, control.Seconds(90*time.Second)
		}),
		one("[2001:db8::7]:5353", "[2001:db8::100]:53", "[2001:db8:201::11]:53", "2001:db8:201::11", control.ConnUDP, func(c *control.Connection) {
			c.Protocol, c.Service, c.Local, c.Flags = "udp", "dns", netip.MustParseAddrPort("[2001:db8:201::1]:20001"), []string{control.FlagUnanswered}
		}),
	}
}

// troubledDirector is exampleDirector with everything that may go wrong.
func troubledDirector() *director {
	d := exampleDirector()
	s := &d.status
	s.ConfigError, s.ConfigFailed = "/etc/ballast/director.hcl:7: error: unknown scheduler \"wlx\": use rr, wrr, lc, wlc, sh, maglev or load", noon.Add(-2*time.Minute)
	s.Interfaces = []control.InterfaceStatus{{Name: "d0", Index: 3, Attached: true}, {Name: "br0", Error: "no such interface"}, {Name: "br1", Index: 5}}
	s.Sources[0].Err = "connection refused"
	s.VIPs = s.VIPs[:1]
	v := &s.VIPs[0]
	v.Quorum, v.Fallback, v.Error = control.QuorumStatus{Needed: 2, Alive: 0}, true, "192.0.2.100 is an address of another host"
	v.Servers = v.Servers[2:3]
	s.VIPs = append(s.VIPs, control.VIPStatus{
		Name: "mail", Address: netip.MustParseAddr("192.0.2.101"), Ports: []uint16{25, 110, 143, 465, 587, 993, 995, 2525, 4190, 4191},
		Protocol: "tcp", Scheduler: "rr", Mode: "nat", Source: "consul mail", OnFailure: "drain", Quorum: control.QuorumStatus{Needed: 1},
	})
	return d
}
