package announce

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

// patience bounds each wait for something that shall happen.
const patience = 20 * time.Second

func newClient(t *testing.T, address string) *consul.Client {
	t.Helper()
	client, err := consul.New(consul.Config{Address: address, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// follower is a name server's view of a service.
type follower struct {
	*consul.Watch
	pools chan *pool.Pool
}

func follow(t *testing.T, c *consul.Client, q consul.Query) *follower {
	t.Helper()
	f := &follower{Watch: c.Pool(q, nil), pools: make(chan *pool.Pool, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx, func(p *pool.Pool) { f.pools <- p }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// next waits for a pool of one server, or of none, that is as wanted.
func (f *follower) next(t *testing.T, what string, wanted func(*pool.Server) bool) pool.Server {
	t.Helper()
	limit := time.After(patience)
	var last *pool.Pool
	for {
		select {
		case last = <-f.pools:
			if len(last.Servers) == 0 && wanted(nil) {
				return pool.Server{}
			}
			if len(last.Servers) == 1 && wanted(&last.Servers[0]) {
				return last.Servers[0]
			}
		case <-limit:
			t.Fatalf("no pool with %s; last %+v, status %+v", what, last, f.Status())
		}
	}
}

func gone(s *pool.Server) bool { return s == nil }

func is(h pool.Health) func(*pool.Server) bool {
	return func(s *pool.Server) bool { return s != nil && s.Health == h }
}

// ticker sets a VIP's state over and over, as a director does.
type ticker struct {
	*Announcer
	set  chan State
	stop func()
}

// told waits until Consul has heard of the VIP's health.
func (k *ticker) told(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(patience); k.Status()[0].Health == pool.Unknown; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("Consul was not told: %+v", k.Status())
		}
	}
}

// announce runs an announcer of v with short times, and sets its state.
func announce(t *testing.T, address string, v VIP, o Options, s State) *ticker {
	t.Helper()
	o.Host, o.TTL, o.Every = "director-1", time.Second, 500*time.Millisecond
	a, err := New(newClient(t, address), []VIP{v}, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &ticker{Announcer: a, set: make(chan State)}
	done := make(chan error, 1)
	ticking := make(chan struct{})
	go func() { done <- a.Run(ctx) }()
	go func() {
		defer close(ticking)
		beat := time.NewTicker(50 * time.Millisecond)
		defer beat.Stop()
		for ; ; a.Set(v.Name, s) {
			select {
			case <-ctx.Done():
				return
			case s = <-k.set:
			case <-beat.C:
			}
		}
	}()
	stopped := false
	k.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-ticking
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(k.stop)
	return k
}

func named(service, address string) VIP {
	return VIP{Name: service, Service: service, Address: netip.MustParseAddr(address), Ports: []uint16{80, 443}}
}

// TestNameServerSeesTheVIP follows a service as name servers do, from the
// first word to the end.
func TestNameServerSeesTheVIP(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	server.Put(t, "/v1/agent/service/register", map[string]any{"ID": "seen-1", "Name": "seen", "Address": "10.201.0.11", "Port": 80})
	watcher := newClient(t, server.Addr)
	vips := follow(t, watcher, consul.Query{Service: "seen", Via: consul.ViaVIP})
	real := follow(t, watcher, consul.Query{Service: "seen"})
	vips.next(t, "no VIP yet", gone)

	s := State{Capacity: 6, Load: 0.31, LoadKnown: true, Connections: 70, Quorum: true}
	k := announce(t, server.Addr, named("seen", "10.200.0.100"), Options{Boot: "b00"}, s)
	v := vips.next(t, "the VIP", is(pool.Passing))
	if !slices.Equal(v.Addrs, []netip.Addr{netip.MustParseAddr("10.200.0.100")}) || v.Port != 80 || v.Capacity != 6 ||
		v.ID != "node/vip-seen-10.200.0.100-80@director-1" || v.Load.Value != 0.3 || v.Load.Connections != 70 || v.Load.Boot != "b00" {
		t.Errorf("the VIP is %+v", v)
	}
	s.Capacity = 2
	k.set <- s
	v = vips.next(t, "a lower weight", func(s *pool.Server) bool { return s != nil && s.Capacity == 2 })
	if v.Health != pool.Passing {
		t.Errorf("lost health with its weight: %+v", v)
	}
	s.Load = 0.95
	k.set <- s
	v = vips.next(t, "overload", func(s *pool.Server) bool { return s != nil && s.Health == pool.Warning && s.Load.Value == 0.95 })
	if !strings.Contains(v.Reason, "overloaded") || v.WarningFactor != 0.5 {
		t.Errorf("overloaded as %+v", v)
	}
	s.Load, s.Capacity, s.Quorum, s.Reason = 0.3, 1, false, "1 of 3 servers live, 2 wanted"
	k.set <- s
	v = vips.next(t, "no quorum", is(pool.Critical))
	if v.Reason != "Ballast director: 1 of 3 servers live, 2 wanted" {
		t.Errorf("critical as %+v", v)
	}
	s.Capacity, s.Quorum, s.Reason = 4, true, ""
	k.set <- s
	v = vips.next(t, "quorum again", func(s *pool.Server) bool { return s != nil && s.Health.Alive() })
	if v.Capacity != 4 {
		t.Errorf("returned with weight %v, want 4 from the start", v.Capacity)
	}
	k.stop()
	vips.next(t, "no VIP after the stop", gone)

	// A plain query has seen none of that.
	for {
		select {
		case p := <-real.pools:
			if len(p.Servers) != 1 || p.Servers[0].ID != "node/seen-1" {
				t.Errorf("plain query: %+v", p)
			}
			continue
		default:
		}
		break
	}
}

// TestIPv6 also has the largest weight that Consul takes.
func TestIPv6(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	vips := follow(t, newClient(t, server.Addr), consul.Query{Service: "six", Via: consul.ViaVIP})
	k := announce(t, server.Addr, named("six", "2001:db8::100"), Options{}, State{Capacity: 1e9, Quorum: true})
	v := vips.next(t, "the VIP", is(pool.Passing))
	if v.ID != "node/vip-six-2001:db8::100-80@director-1" || v.Addrs[0] != netip.MustParseAddr("2001:db8::100") || v.Load.Known() || v.Capacity != maxWeight {
		t.Errorf("the VIP is %+v", v)
	}
	k.stop()
	vips.next(t, "no VIP after the stop", gone)
}

// TestDeadDirector ends a director that says nothing more, and starts the next
// one, which takes the instance over.
func TestDeadDirector(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	vips := follow(t, newClient(t, server.Addr), consul.Query{Service: "dead", Via: consul.ViaVIP})
	keep := Options{Leave: func(string) Leave { return LeaveKeep }}
	s := State{Capacity: 2, Quorum: true}
	first := announce(t, server.Addr, named("dead", "10.200.0.100"), keep, s)
	vips.next(t, "the VIP", is(pool.Passing))
	first.stop()
	v := vips.next(t, "the TTL's end", is(pool.Critical))
	if !strings.Contains(v.Reason, "TTL expired") || v.Capacity != 2 {
		t.Errorf("dead as %+v", v)
	}
	second := announce(t, server.Addr, named("dead", "10.200.0.100"), Options{}, s)
	vips.next(t, "the next director", is(pool.Passing))
	second.stop()
	vips.next(t, "no VIP after the stop", gone)
}

// TestHandOver ends a director and starts the next one within the TTL: nobody
// notices.
func TestHandOver(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	vips := follow(t, newClient(t, server.Addr), consul.Query{Service: "over", Via: consul.ViaVIP})
	keep := Options{Leave: func(string) Leave { return LeaveKeep }}
	s := State{Capacity: 2, Load: 0.2, LoadKnown: true, Quorum: true}
	for range 3 {
		k := announce(t, server.Addr, named("over", "10.200.0.100"), keep, s)
		k.told(t)
		k.stop()
	}
	s.Capacity = 5 // of the last life
	announce(t, server.Addr, named("over", "10.200.0.100"), Options{}, s).told(t)
	was := false
	vips.next(t, "the last life's weight", func(v *pool.Server) bool {
		if was && (v == nil || v.Health != pool.Passing) {
			t.Errorf("in a hand-over: %+v", v)
		}
		was = was || v != nil && v.Health == pool.Passing
		return v != nil && v.Capacity == 5
	})
}

// TestLeaveCritical stays in sight.
func TestLeaveCritical(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	client := newClient(t, server.Addr)
	vips := follow(t, client, consul.Query{Service: "sight", Via: consul.ViaVIP})
	o := Options{Leave: func(string) Leave { return LeaveCritical }}
	k := announce(t, server.Addr, named("sight", "10.200.0.100"), o, State{Capacity: 2, Quorum: true})
	vips.next(t, "the VIP", is(pool.Passing))
	k.stop()
	v := vips.next(t, "critical", is(pool.Critical))
	if !strings.Contains(v.Reason, "the director stopped") {
		t.Errorf("stopped as %+v", v)
	}
	client.Leave(t.Context(), "vip-sight-10.200.0.100-80@director-1", false)
}

// TestConsulComesAndGoes starts before Consul can be reached, loses the
// registration, and has Consul die and return.
func TestConsulComesAndGoes(t *testing.T) {
	t.Parallel()
	server := consultest.Start(t, consultest.Options{})
	proxy := server.Proxy(t)
	proxy.Set(consultest.Reset())
	vips := follow(t, newClient(t, server.Addr), consul.Query{Service: "web", Via: consul.ViaVIP})
	vips.next(t, "no VIP yet", gone)
	s := State{Capacity: 3, Load: 0.5, LoadKnown: true, Quorum: true}
	k := announce(t, proxy.Addr, named("web", "10.200.0.100"), Options{}, s)
	for limit := time.Now().Add(patience); proxy.Requests() < 3; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("does not try again")
		}
	}
	proxy.Set(nil)
	vips.next(t, "the VIP once Consul answers", is(pool.Passing))

	server.Put(t, "/v1/agent/service/deregister/vip-web-10.200.0.100-80@director-1", nil)
	vips.next(t, "no VIP", gone)
	v := vips.next(t, "the VIP registered again", is(pool.Passing))
	if v.Capacity != 3 || v.Load.Value != 0.5 {
		t.Errorf("registered again as %+v", v)
	}

	server.Kill()
	s.Capacity = 1 // while nobody hears
	k.set <- s
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	v = vips.next(t, "the VIP after Consul's restart", func(s *pool.Server) bool {
		return s != nil && s.Health == pool.Passing && s.Capacity == 1
	})
	if v.Load.Value != 0.5 {
		t.Errorf("after the restart %+v", v)
	}
	k.stop()
	vips.next(t, "no VIP after the stop", gone)
	if left := instances(t, server, "web"); left != 0 {
		t.Errorf("%d instances left", left)
	}
}

func instances(t *testing.T, c *consultest.Consul, service string) int {
	t.Helper()
	var list []any
	if err := json.Unmarshal(c.Call(t, "GET", "/v1/catalog/service/"+service, nil), &list); err != nil {
		t.Fatal(err)
	}
	return len(list)
}
