package control

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeDirector remembers what it was asked and answers what it was told to.
type fakeDirector struct {
	status   DirectorStatus
	conns    []Connection
	forever  bool // Connections never ends by itself
	failAt   int  // Connections fails after so many, with err
	explain  ConnExplain
	err      error
	asked    ConnExplainRequest
	filter   ConnFilter
	order    DrainOrder
	undrains []string
	walked   int
}

func (d *fakeDirector) Status(context.Context) (DirectorStatus, error) { return d.status, d.err }

func (d *fakeDirector) Connections(ctx context.Context, f ConnFilter) iter.Seq2[Connection, error] {
	d.filter, d.walked = f, 0
	return func(yield func(Connection, error) bool) {
		for again := true; again; again = d.forever {
			for _, c := range d.conns {
				if d.err != nil && d.walked == d.failAt {
					yield(Connection{}, d.err)
					return
				}
				d.walked++
				if ctx.Err() != nil || !yield(c, nil) {
					return
				}
			}
		}
		if d.err != nil {
			yield(Connection{}, d.err)
		}
	}
}

func (d *fakeDirector) Explain(_ context.Context, r ConnExplainRequest) (ConnExplain, error) {
	d.asked = r
	return d.explain, d.err
}

func (d *fakeDirector) Drain(_ context.Context, o DrainOrder) (DrainOrder, error) {
	d.order = o
	o.Matches, o.Connections = 2, 70
	return o, d.err
}

func (d *fakeDirector) Undrain(_ context.Context, server, vip string) (int, error) {
	d.undrains = append(d.undrains, server+" "+vip)
	return 1, d.err
}

// serveDirector runs d behind a socket in a fresh directory until the test
// ends, or stop does.
func serveDirector(t *testing.T, d Director) (path string, stop func()) {
	t.Helper()
	l, err := Listen(filepath.Join(socketDir(t), "d.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeDirector(ctx, l, d, t.Logf) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ServeDirector: %v", err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

var (
	at        = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	webVIP    = netip.MustParseAddrPort("192.0.2.100:80")
	webServer = netip.MustParseAddrPort("10.0.0.11:8080")
)

func conn(client string, state ConnState) Connection {
	return Connection{
		Protocol: "tcp", Client: netip.MustParseAddrPort(client), VIP: webVIP, Service: "web",
		Server: webServer, ServerID: "node1/web-1", State: state, Idle: Seconds(1500 * time.Millisecond), Expires: Seconds(time.Minute),
	}
}

func fullDirectorStatus() DirectorStatus {
	load := 0.42
	return DirectorStatus{
		Program: "ballast-director", Version: "1", PID: 7, Started: at,
		Config: "director.hcl", ConfigLoaded: at, ConfigError: "director.hcl:3: no", ConfigFailed: at,
		Interfaces: []InterfaceStatus{{Name: "d0", Index: 3, Attached: true}, {Name: "br0", Error: "no such interface"}},
		Table:      TableStatus{Connections: 1, Capacity: 1 << 40, HalfOpen: 3, Displaced: 4, Expired: 5},
		Sources:    []SourceStatus{{Source: "consul web", Age: Seconds(time.Second), Servers: 3, Confirmed: at}},
		Drains:     []DrainOrder{{Server: "web-*", Until: at, Deadline: at, By: "alice", Set: at, Matches: 1, Connections: 2}},
		Reasons:    map[string]uint64{"pass-other": 9},
		VIPs: []VIPStatus{{
			Name: "web", Address: webVIP.Addr(), Ports: []uint16{80, 443}, Protocol: "tcp", Scheduler: "wlc", Mode: "fullnat",
			Persistence: &PersistenceStatus{Timeout: Seconds(6 * time.Minute), Prefix: 24}, Source: "list",
			Quorum: QuorumStatus{Needed: 1, Alive: 2, Met: true}, Fallback: true, OnFailure: "reset-if-silent",
			Rates: Rates{1, 2, 3, 4, 5.5}, Totals: Volume{1, 2, 3, 4, 1 << 60}, Reasons: map[string]uint64{"forward-in": 7}, Error: "address in use",
			Servers: []RealStatus{{
				ID: "node1/web-1", Address: webServer, State: RealDraining, Reason: "drained", Since: at,
				Weight: 0.5, Capacity: 2, Ramp: 0.25, Load: &load, LoadAge: Seconds(time.Second), Active: 1, Inactive: 2, Opening: 3,
				Totals: Volume{Conns: 9}, Rates: Rates{Conns: 0.5}, SYNs: 4, SYNACKs: 3, Misses: 1, Resets: 2, Unreachable: 3,
				Generation: 1 << 31, DrainDeadline: at, Interface: "br0", Nexthop: netip.MustParseAddr("10.0.0.1"), Fallback: true,
			}},
		}},
	}
}

func TestDirectorOverASocket(t *testing.T) {
	found := conn("203.0.113.7:40312", ConnEstablished)
	found.Local, found.Tried, found.Flags, found.Repeats = netip.MustParseAddrPort("10.0.0.1:20001"), []string{"web-2"}, []string{FlagRetired}, 2
	d := &fakeDirector{
		status: fullDirectorStatus(),
		conns:  []Connection{found, conn("[2001:db8::7]:1", ConnOpening)},
		explain: ConnExplain{
			Client: found.Client, Service: "web", Found: true, Connection: &found, Sentences: []string{"wlc chose it"},
			Candidates: []Candidate{{Server: "web-1", Address: webServer, State: RealUp, Eligible: true, Why: "fewest", Next: true, Active: 3, Weight: 1}},
		},
	}
	path, _ := serveDirector(t, d)
	client := DialDirector(path)

	t.Run("status arrives whole", func(t *testing.T) {
		got, err := client.Status(t.Context())
		if err != nil || !reflect.DeepEqual(got, d.status) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, d.status)
		}
	})
	t.Run("connections arrive whole, and the filter too", func(t *testing.T) {
		f := ConnFilter{VIP: "web", Server: "[2001:db8::1]:80", State: ConnOpening, Client: netip.MustParsePrefix("2001:db8::/32"), Limit: 50}
		got, err := collect(client.Connections(t.Context(), f))
		if err != nil || !reflect.DeepEqual(got, d.conns) || d.filter != f {
			t.Errorf("got %+v, %v; asked %+v\nwant %+v", got, err, d.filter, d.conns)
		}
	})
	t.Run("explain", func(t *testing.T) {
		r := ConnExplainRequest{Client: netip.MustParseAddrPort("[2001:db8::7]:40312"), VIP: "web & co"}
		got, err := client.Explain(t.Context(), r)
		if err != nil || !reflect.DeepEqual(got, d.explain) || d.asked != r {
			t.Errorf("got %+v, %v; asked %+v\nwant %+v", got, err, d.asked, d.explain)
		}
	})
	t.Run("explain an IPv4 client in IPv6's clothes", func(t *testing.T) {
		_, err := client.Explain(t.Context(), ConnExplainRequest{Client: netip.MustParseAddrPort("[::ffff:203.0.113.7]:40312")})
		if err != nil || d.asked.Client != found.Client {
			t.Errorf("%v; asked %+v", err, d.asked)
		}
	})
	t.Run("drain", func(t *testing.T) {
		now := time.Now().Round(0).UTC()
		want := DrainOrder{Server: "web-[12]", VIP: "web", Until: now.Add(time.Hour), Deadline: now.Add(time.Minute), By: "root: test"}
		sent := want
		sent.Set, sent.Matches, sent.Connections = at, 99, 99 // the director's to fill in
		got, err := client.Drain(t.Context(), sent)
		if err != nil || got.Matches != 2 || got.Connections != 70 || d.order != want {
			t.Errorf("got %+v, %v; set %+v, want %+v", got, err, d.order, want)
		}
	})
	t.Run("undrain", func(t *testing.T) {
		n, err := client.Undrain(t.Context(), "web/1 &x=y", "web")
		if err != nil || n != 1 || !slices.Contains(d.undrains, "web/1 &x=y web") {
			t.Errorf("got %d, %v; calls %q", n, err, d.undrains)
		}
	})
	t.Run("who serves it", func(t *testing.T) {
		if p, err := client.Process(t.Context()); err != nil || p.Instance != instance() {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("errors keep kind and message", func(t *testing.T) {
		d.err = Errorf(ErrConflict, "203.0.113.7:1 has connections to web and dns: choose one")
		_, err := client.Explain(t.Context(), ConnExplainRequest{Client: found.Client})
		if !errors.Is(err, ErrConflict) || err.Error() != d.err.Error() {
			t.Errorf("got %v", err)
		}
	})
}

// Each program's socket says whose it is when the other's words are used.
func TestWrongSocket(t *testing.T) {
	_, err := DialDirector(serve(t, &recorder{})).Status(t.Context())
	wantError(t, err, "GET /v1/director/status", "control socket of a name server")
	path, _ := serveDirector(t, &fakeDirector{})
	_, err = Dial(path).Status(t.Context())
	wantError(t, err, "control socket of a director")
	_, err = collect(DialDirector(filepath.Join(socketDir(t), "none")).Connections(t.Context(), ConnFilter{}))
	wantError(t, err, "no such file", "is ballast-director running?", "--socket")
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v is not ErrUnreachable", err)
	}
}

func collect(all iter.Seq2[Connection, error]) (list []Connection, err error) {
	for c, e := range all {
		if e != nil {
			err = e
			continue
		}
		list = append(list, c)
	}
	return list, err
}
