package announce

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// call is one thing that a registry was told.
type call struct {
	at           time.Duration
	what         string // register, beat, leave
	registration consul.Registration
	health       pool.Health
	text         string // a beat's reason; who leaves
}

// recorder is a Registry that keeps what it is told.
type recorder struct {
	mu    sync.Mutex
	begin time.Time
	calls []call
	fail  func(what string) error // nil: nothing fails
}

func (r *recorder) note(c call) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.at = time.Since(r.begin)
	r.calls = append(r.calls, c)
	if r.fail != nil {
		return r.fail(c.what)
	}
	return nil
}

func (r *recorder) Register(_ context.Context, s consul.Registration) error {
	return r.note(call{what: "register", registration: s})
}

func (r *recorder) Beat(_ context.Context, _ string, h pool.Health, output string) error {
	return r.note(call{what: "beat", health: h, text: output})
}

func (r *recorder) Leave(_ context.Context, id string, decorated bool) error {
	if decorated {
		return errors.New("a VIP is not decorated")
	}
	return r.note(call{what: "leave", text: id})
}

func (r *recorder) set(fail func(what string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

// take returns what was told since the last take.
func (r *recorder) take() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// of are the calls of one kind.
func of(calls []call, what string) []call {
	return slices.DeleteFunc(slices.Clone(calls), func(c call) bool { return c.what != what })
}

var web = VIP{Name: "web", Service: "web", Address: netip.MustParseAddr("10.200.0.100"), Ports: []uint16{80, 443}}

func half() float64 { return 0.5 }

// director is an announcer that runs, with somebody who sets its state.
type director struct {
	*Announcer
	*recorder
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

func run(t *testing.T, o Options, vips ...VIP) *director {
	t.Helper()
	d := &director{recorder: &recorder{begin: time.Now()}, t: t, done: make(chan error, 1)}
	o.Host, o.Random = "d1", half
	var err error
	if d.Announcer, err = New(d.recorder, vips, o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.cancel = cancel
	go func() { d.done <- d.Run(ctx) }()
	return d
}

// keep sets the state each second for so long.
func (d *director) keep(s State, length time.Duration) {
	for range length / time.Second {
		d.Set("web", s)
		synctest.Wait()
		time.Sleep(time.Second)
	}
	synctest.Wait()
}

func (d *director) stop() {
	d.t.Helper()
	d.cancel()
	if err := <-d.done; err != nil {
		d.t.Error(err)
	}
}

var well = State{Capacity: 3, Load: 0.42, LoadKnown: true, Connections: 7, Quorum: true}

func TestRegistersWithTheFirstSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := web
		v.Tags = []string{"blue", "vip"}
		d := run(t, Options{Boot: "b00"}, v)
		defer d.stop()
		time.Sleep(5 * time.Second)
		if got := d.take(); len(got) != 0 {
			t.Fatalf("before the first Set: %+v", got)
		}
		d.Set("web", well)
		d.Set("other", well) // not ours
		synctest.Wait()
		got := d.take()
		if len(got) != 2 || got[0].what != "register" || got[1].what != "beat" || got[1].health != pool.Passing || got[1].at != 5*time.Second {
			t.Fatalf("told %+v, want a registration and a passing beat at once", got)
		}
		r := got[0].registration
		if r.ID != "vip-web-10.200.0.100-80@d1" || r.Name != "web" || r.Address != "10.200.0.100" || r.Port != 80 ||
			!slices.Equal(r.Tags, []string{"vip", "blue"}) || r.Passing != 3 || r.Warning != 1 ||
			r.TTL != 10*time.Second || r.DeregisterAfter != 10*time.Minute {
			t.Errorf("registered %+v", r)
		}
		want := map[string]string{pool.MetaLoad: "0.4", pool.MetaConnections: "7", pool.MetaBoot: "b00"}
		if !maps.Equal(r.Meta, want) {
			t.Errorf("meta %v, want %v", r.Meta, want)
		}
		s := d.Status()
		if len(s) != 1 || s[0].VIP != "web" || s[0].ID != r.ID || s[0].Health != pool.Passing || s[0].Weight != 3 || s[0].Err != "" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestBeatsThreeTimesInATTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, Options{}, web)
		defer d.stop()
		d.keep(well, time.Minute)
		calls := d.take()
		if n := len(of(calls, "beat")); n < 15 || n > 19 {
			t.Errorf("%d beats in a minute at a TTL of 10s", n)
		}
		if n := len(of(calls, "register")); n != 1 {
			t.Errorf("%d writes without a change", n)
		}
	})
}

func TestHealth(t *testing.T) {
	bad := well
	bad.Load = 0.95
	for _, c := range []struct {
		name   string
		s      State
		health pool.Health
		reason string
	}{
		{"well", well, pool.Passing, "enough"},
		{"no quorum", State{Capacity: 1, Reason: "1 of 3 live, 2 wanted"}, pool.Critical, "1 of 3 live"},
		{"no quorum, no reason", State{}, pool.Critical, "no quorum"},
		{"no quorum wins over degraded", State{Degraded: true}, pool.Critical, "no quorum"},
		{"degraded", State{Quorum: true, Degraded: true, Reason: "fallback"}, pool.Warning, "fallback"},
		{"overloaded", bad, pool.Warning, "overloaded: load went above 90%"},
		{"load unknown", State{Quorum: true, Load: 3}, pool.Passing, "enough"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := run(t, Options{}, web)
				defer d.stop()
				d.Set("web", c.s)
				synctest.Wait()
				beats := of(d.take(), "beat")
				if len(beats) != 1 || beats[0].health != c.health || !strings.HasPrefix(beats[0].text, c.reason) {
					t.Errorf("beats %+v, want %v %q", beats, c.health, c.reason)
				}
			})
		})
	}
}

func TestChangesOfHealthGoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, Options{}, web)
		defer d.stop()
		d.keep(well, 10*time.Second)
		d.take()
		for _, s := range []State{{Capacity: 0, Reason: "none live"}, well, {Quorum: true, Capacity: 3, Degraded: true}, well} {
			before := time.Since(d.begin)
			d.keep(s, time.Second)
			want, _ := s.health(false, d.options.Limits)
			beats := of(d.take(), "beat")
			if len(beats) == 0 || beats[0].health != want || beats[0].at != before {
				t.Errorf("set %+v at %v: beats %+v", s, before, beats)
			}
		}
	})
}

// TestAlarm is the agent's: on by one load above, off by three below.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, Options{}, web)
		defer d.stop()
		s := well
		for i, step := range []struct {
			load float64
			want pool.Health
		}{{0.9, pool.Passing}, {0.91, pool.Warning}, {0.8, pool.Warning}, {0.7, pool.Warning}, {0.7, pool.Warning}, {0.7, pool.Passing}} {
			s.Load = step.load
			d.keep(s, time.Second)
			if got := d.Status()[0].Health; got != step.want {
				t.Errorf("step %d, load %v: %v, want %v", i, step.load, got, step.want)
			}
		}
	})
}

func TestWeightWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, Options{Every: 10 * time.Second}, web)
		defer d.stop()
		s := well
		s.Capacity = 100
		d.keep(s, 5*time.Second)
		d.take()
		weights := func() (w []int, at []time.Duration) {
			for _, c := range of(d.take(), "register") {
				w, at = append(w, c.registration.Passing), append(at, c.at)
			}
			return w, at
		}

		s.Capacity = 60 // not more than half: waits for its turn
		d.keep(s, 4*time.Second)
		if w, _ := weights(); len(w) != 0 {
			t.Errorf("wrote %v too soon", w)
		}
		d.keep(s, 4*time.Second)
		if w, at := weights(); !slices.Equal(w, []int{60}) || at[0] != 10*time.Second {
			t.Errorf("wrote %v at %v, want 60 at 10s", w, at)
		}
		s.Capacity = 29 // more than half: at once
		d.keep(s, time.Second)
		if w, at := weights(); !slices.Equal(w, []int{29}) || at[0] != 13*time.Second {
			t.Errorf("wrote %v at %v, want 29 at once", w, at)
		}
		s.Capacity = 100 // back: waits
		d.keep(s, 9*time.Second)
		if w, _ := weights(); len(w) != 0 {
			t.Errorf("wrote %v too soon", w)
		}
		d.keep(s, 2*time.Second)
		if w, _ := weights(); !slices.Equal(w, []int{100}) {
			t.Errorf("wrote %v, want 100", w)
		}
		for i := range 60 { // what does not matter is not written
			s.Capacity = 100 + float64(i%4)
			d.keep(s, time.Second)
		}
		if w, _ := weights(); len(w) != 0 {
			t.Errorf("wrote %v for a trembling", w)
		}
	})
}

// TestQuorumReturns wants the weight of the return written before the VIP is
// called alive again, and none for the loss.
func TestQuorumReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, Options{}, web)
		defer d.stop()
		s := well
		s.Capacity = 100
		d.keep(s, time.Minute)
		d.take()
		d.keep(State{Capacity: 1, Load: 0.42, LoadKnown: true, Connections: 7}, 20*time.Second)
		calls := d.take()
		if calls[0].what != "beat" || calls[0].health != pool.Critical || len(of(calls, "register")) != 0 {
			t.Errorf("lost: %+v", calls)
		}
		s.Capacity = 40
		d.keep(s, time.Second)
		calls = d.take()
		if len(calls) != 2 || calls[0].what != "register" || calls[0].registration.Passing != 40 || calls[1].health != pool.Passing {
			t.Errorf("returned: %+v, want weight 40, then passing", calls)
		}
	})
}

func TestLeave(t *testing.T) {
	const id = "vip-web-10.200.0.100-80@d1"
	for _, c := range []struct {
		name  string
		leave func(string) Leave
		want  []call // without time
	}{
		{"by default it is deregistered", nil, []call{{what: "leave", text: id}}},
		{"critical", func(string) Leave { return LeaveCritical }, []call{{what: "beat", health: pool.Critical, text: "the director stopped"}}},
		{"kept for the next life", func(string) Leave { return LeaveKeep }, nil},
		{"by name", func(vip string) Leave { return map[string]Leave{"web": LeaveKeep}[vip] }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := run(t, Options{Leave: c.leave}, web, VIP{Name: "never set", Service: "w", Address: web.Address, Ports: []uint16{1}})
				d.keep(well, 2*time.Second)
				d.take()
				d.stop()
				got := d.take()
				if len(got) != len(c.want) || len(got) == 1 && (got[0].what != c.want[0].what || got[0].health != c.want[0].health || got[0].text != c.want[0].text) {
					t.Errorf("told %+v, want %+v", got, c.want)
				}
			})
		})
	}
}

func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, Options{}, web)
		defer d.stop()
		d.Set("web", well)
		time.Sleep(time.Minute)
		synctest.Wait()
		beats := of(d.take(), "beat")
		if last := beats[len(beats)-1].at; last > 30*time.Second || last < 25*time.Second {
			t.Errorf("last beat at %v, want it to end after 30s", last)
		}
		if s := d.Status()[0]; !strings.Contains(s.Err, "nobody tells") {
			t.Errorf("status %+v", s)
		}
		d.keep(well, time.Second)
		if len(of(d.take(), "beat")) != 1 || d.Status()[0].Err != "" {
			t.Errorf("no beat when it is set again; status %+v", d.Status())
		}
	})
}

func TestRegistryFails(t *testing.T) {
	refused := errors.New("connection refused")
	t.Run("down at the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := run(t, Options{}, web)
			defer d.stop()
			d.set(func(string) error { return refused })
			d.keep(well, time.Minute)
			if n := len(d.take()); n < 10 || n > 40 {
				t.Errorf("%d tries in a minute", n)
			}
			if s := d.Status()[0]; s.Err != refused.Error() || s.Health != pool.Unknown {
				t.Errorf("status %+v", s)
			}
			d.set(nil)
			d.keep(well, 5*time.Second)
			if s := d.Status()[0]; s.Err != "" || s.Health != pool.Passing {
				t.Errorf("status %+v after it came up", s)
			}
		})
	})
	t.Run("forgets the VIP", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := run(t, Options{}, web)
			defer d.stop()
			d.keep(well, 5*time.Second)
			d.take()
			forgotten := true
			d.set(func(what string) error {
				if what == "register" {
					forgotten = false
				}
				if forgotten {
					return consul.ErrNotRegistered
				}
				return nil
			})
			d.keep(well, 5*time.Second)
			calls := d.take()
			if len(calls) < 3 || calls[0].what != "beat" || calls[1].what != "register" || calls[2].health != pool.Passing {
				t.Errorf("told %+v, want registered and passing again", calls)
			}
		})
	})
	t.Run("takes beats but no registrations", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := run(t, Options{}, web)
			defer d.stop()
			d.keep(well, 5*time.Second)
			d.set(func(what string) error {
				if what == "register" {
					return refused
				}
				return nil
			})
			s := well
			s.Capacity = 1
			d.keep(s, 10*time.Second)
			d.take()
			d.keep(s, time.Minute)
			calls := d.take()
			if n := len(of(calls, "beat")); n < 15 {
				t.Errorf("%d beats in a minute: they wait for the weight", n)
			}
			if n := len(of(calls, "register")); n < 5 || n > 20 {
				t.Errorf("%d tries to write in a minute", n)
			}
			if s := d.Status()[0]; s.Err != refused.Error() || s.Health != pool.Passing {
				t.Errorf("status %+v", s)
			}
		})
	})
}

func TestWeight(t *testing.T) {
	for _, c := range []struct {
		capacity, scale float64
		want            int
	}{
		{0, 1, 1}, {0.4, 1, 1}, {1, 1, 1}, {1.5, 1, 2}, {2.4, 1, 2}, {1e9, 1, 65535}, {-3, 1, 1},
		{math.NaN(), 1, 1}, {math.Inf(1), 1, 65535}, {0.25, 100, 25}, {2000, 0.01, 20},
	} {
		if got := weight(c.capacity, c.scale); got != c.want {
			t.Errorf("capacity %v, scale %v: %d, want %d", c.capacity, c.scale, got, c.want)
		}
	}
}

func TestFactIsInRange(t *testing.T) {
	for _, c := range []struct {
		name string
		s    State
		want map[string]string
	}{
		{"no load, no boot", State{Load: 0.5, Connections: 3}, map[string]string{}},
		{"not a number", State{Load: math.NaN(), LoadKnown: true}, map[string]string{}},
		{"too much", State{Load: 11, LoadKnown: true, Connections: -1}, map[string]string{pool.MetaLoad: "10", pool.MetaConnections: "0"}},
		{"too little", State{Load: -1, LoadKnown: true}, map[string]string{pool.MetaLoad: "0", pool.MetaConnections: "0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Options{Host: "d1"}.complete()
			if err != nil {
				t.Fatal(err)
			}
			m := meta(c.s.fact(&o, false))
			if !maps.Equal(m, c.want) {
				t.Errorf("meta %v, want %v", m, c.want)
			}
			if _, err := pool.LoadFromMeta(m, time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	change := func(f func(*VIP)) []VIP {
		v := web
		f(&v)
		return []VIP{v}
	}
	for _, c := range []struct {
		name string
		vips []VIP
		o    Options
		err  string
	}{
		{"no name", change(func(v *VIP) { v.Name = "" }), Options{}, "no name"},
		{"no service", change(func(v *VIP) { v.Service = "" }), Options{}, `service ""`},
		{"no address", change(func(v *VIP) { v.Address = netip.Addr{} }), Options{}, "address"},
		{"multicast", change(func(v *VIP) { v.Address = netip.MustParseAddr("ff02::1") }), Options{}, "ff02::1"},
		{"no port", change(func(v *VIP) { v.Ports = nil }), Options{}, "no port"},
		{"twice", []VIP{web, web}, Options{}, "twice"},
		{"one instance", append(change(func(v *VIP) { v.Name = "other" }), web), Options{}, `"other" and "web" would both be vip-web-`},
		{"ttl", nil, Options{TTL: time.Millisecond}, "ttl 1ms"},
		{"deregister-after", nil, Options{DeregisterAfter: time.Second}, "minute"},
		{"scale", nil, Options{Scale: -1}, "scale -1"},
		{"limits", nil, Options{Limits: pace.Limits{High: 0.5, Low: 0.6}}, "limits 0.5/0.6"},
		{"every", nil, Options{Every: -1}, "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(&recorder{}, c.vips, c.o); err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want one with %q", err, c.err)
			}
		})
	}
}
