package consul

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

func TestRegisterBeatPublishLeave(t *testing.T) {
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr})
	web := follow(t, client, Query{Service: "agent-web"}, nil)
	one := func(what string, wanted func(s pool.Server) bool) pool.Server {
		t.Helper()
		p := web.next(t, what, func(p *pool.Pool) bool { return len(p.Servers) == 1 && wanted(p.Servers[0]) })
		return p.Servers[0]
	}
	ctx := t.Context()
	r := Registration{
		ID: "aw", Name: "agent-web", Address: "192.0.2.1", Port: 80, Tags: []string{"blue"},
		Addresses: map[string]string{"lan_ipv6": "[2001:db8::1]:80"},
		Meta:      map[string]string{"rack": "7"}, Passing: 10, Warning: 5,
		TTL: time.Hour, DeregisterAfter: time.Hour,
	}
	if err := client.Beat(ctx, r.ID, pool.Passing, ""); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("beat before Register: %v", err)
	}
	if err := client.Register(ctx, r); err != nil {
		t.Fatal(err)
	}
	s := one("critical at first", func(s pool.Server) bool { return s.Health == pool.Critical })
	if s.Capacity != 10 || s.WarningFactor != 0.5 || len(s.Addrs) != 2 || s.Addrs[1] != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("registered %+v", s)
	}

	beats := []struct {
		health pool.Health
		output string
		want   pool.Health
		reason string
	}{
		{pool.Passing, "load 0.20", pool.Passing, ""},
		{pool.Warning, "load 0.95", pool.Warning, "Ballast agent: load 0.95"},
		{pool.Drained, "new disk", pool.Drained, "Service Maintenance Mode: ballast: new disk"},
		{pool.Critical, "port 80 closed", pool.Critical, "Ballast agent: port 80 closed"},
		{pool.Unknown, "", pool.Passing, ""},
	}
	for _, b := range beats {
		if err := client.Beat(ctx, r.ID, b.health, b.output); err != nil {
			t.Fatal(err)
		}
		one(b.health.String(), func(s pool.Server) bool { return s.Health == b.want && s.Reason == b.reason })
	}

	report := pool.Report{Load: 0.25, Connections: 3, Boot: "b1"}
	if err := client.Publish(ctx, r.ID, report.Meta()); err != nil {
		t.Fatal(err)
	}
	s = one("a load", func(s pool.Server) bool { return s.Load.Known() })
	if s.Health != pool.Passing || s.Load.Value != 0.25 || s.Load.Connections != 3 || s.Load.Boot != "b1" || s.Capacity != 10 || len(s.Addrs) != 2 {
		t.Errorf("published %+v", s)
	}
	if err := client.Register(ctx, r); err != nil { // as after a restart of the agent
		t.Fatal(err)
	}
	one("registered again without a flap", func(s pool.Server) bool {
		if s.Health != pool.Passing {
			t.Errorf("flapped to %v", s.Health)
		}
		return !s.Load.Known()
	})

	for range 2 { // the second has nothing to do
		if err := client.Leave(ctx, r.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	web.size(t, 0)
}

func TestDecorateLeavesTheRestAlone(t *testing.T) {
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr})
	ctx := t.Context()
	theirs := service{
		ID: "theirs", Name: "theirs", Address: "192.0.2.1", Port: 80, Tags: []string{"blue"},
		Meta: map[string]string{"rack": "7"}, Weights: map[string]int{"Passing": 4, "Warning": 2},
		TaggedAddresses: map[string]address{"lan_ipv6": {"2001:db8::1", 80}},
		Check:           map[string]string{"CheckID": "theirs-own", "Name": "own", "TTL": "1h", "Status": "passing"},
	}
	extra := Registration{Meta: map[string]string{pool.MetaLoad: "0.5"}, TTL: time.Hour, DeregisterAfter: time.Minute}
	if err := client.Decorate(ctx, "theirs", extra); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("before it is registered: %v", err)
	}
	register(t, consul, theirs)
	defer deregister(t, consul, "theirs")
	before := agentService(t, consul, "theirs")
	web := follow(t, client, Query{Service: "theirs"}, nil)
	web.size(t, 1)

	if err := client.Decorate(ctx, "theirs", extra); err != nil {
		t.Fatal(err)
	}
	p := web.next(t, "a load", func(p *pool.Pool) bool { return p.Servers[0].Load.Known() })
	if s := p.Servers[0]; s.Health != pool.Passing || s.Load.Value != 0.5 || s.Capacity != 4 {
		t.Errorf("decorated %+v", s)
	}
	eventually(t, "two checks", func() bool {
		return slices.Equal(checkIDs(t, consul, "theirs"), []string{"ballast:theirs", "theirs-own"})
	})
	if err := client.Beat(ctx, "theirs", pool.Drained, "later"); err != nil {
		t.Fatal(err)
	}
	web.next(t, "drained", func(p *pool.Pool) bool { return p.Servers[0].Health == pool.Drained })

	for range 2 {
		if err := client.Leave(ctx, "theirs", true); err != nil {
			t.Fatal(err)
		}
	}
	web.next(t, "as it was", func(p *pool.Pool) bool {
		return p.Servers[0].Health == pool.Passing && !p.Servers[0].Load.Known()
	})
	if after := agentService(t, consul, "theirs"); after != before {
		t.Errorf("after\n%s\nbefore\n%s", after, before)
	}
	if ids := checkIDs(t, consul, "theirs"); !slices.Equal(ids, []string{"theirs-own"}) {
		t.Errorf("checks %q", ids)
	}
}

// TestOperatorsMaintenanceStays lets an agent beat, and restart, while its
// service is in maintenance by somebody else, and by an earlier life of its.
func TestOperatorsMaintenanceStays(t *testing.T) {
	consul := shared.Get(t)
	ctx := t.Context()
	health := func() pool.Health {
		client := newClient(t, Config{Address: consul.Addr})
		if err := client.Beat(ctx, "kept", pool.Passing, ""); err != nil {
			t.Fatal(err)
		}
		f := follow(t, client, Query{Service: "kept"}, nil)
		defer f.stop()
		return f.size(t, 1).Servers[0].Health
	}
	client := newClient(t, Config{Address: consul.Addr})
	if err := client.Register(ctx, Registration{ID: "kept", Name: "kept", Address: "192.0.2.1", Port: 1, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	defer client.Leave(ctx, "kept", false)
	consul.Put(t, "/v1/agent/service/maintenance/kept?enable=true&reason=disk", nil)
	if h := health(); h != pool.Drained {
		t.Errorf("the operator's maintenance: %v", h)
	}
	consul.Put(t, "/v1/agent/service/maintenance/kept?enable=false", nil)
	if err := client.Beat(ctx, "kept", pool.Drained, "stop"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "our own maintenance ends in the next life", func() bool { return health() == pool.Passing })
}

func TestForgottenByConsul(t *testing.T) {
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr})
	ctx := t.Context()
	r := Registration{ID: "gone", Name: "gone", Address: "192.0.2.1", Port: 1, TTL: time.Hour}
	if err := client.Register(ctx, r); err != nil {
		t.Fatal(err)
	}
	deregister(t, consul, "gone")
	if err := client.Beat(ctx, "gone", pool.Passing, ""); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("Beat: %v", err)
	}
	if err := client.Publish(ctx, "gone", map[string]string{"a": "b"}); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("Publish: %v", err)
	}
}

func TestTTLExpires(t *testing.T) {
	t.Parallel()
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr})
	ctx := t.Context()
	if err := client.Register(ctx, Registration{ID: "ttl", Name: "ttl", Address: "192.0.2.1", Port: 1, TTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	defer client.Leave(ctx, "ttl", false)
	if err := client.Beat(ctx, "ttl", pool.Passing, ""); err != nil {
		t.Fatal(err)
	}
	web := follow(t, client, Query{Service: "ttl"}, nil)
	web.next(t, "passing", func(p *pool.Pool) bool { return p.Servers[0].Health == pool.Passing })
	p := web.next(t, "critical", func(p *pool.Pool) bool { return p.Servers[0].Health == pool.Critical })
	if reason := p.Servers[0].Reason; !strings.Contains(reason, "TTL expired") {
		t.Errorf("reason %q", reason)
	}
}

func TestRegistrarErrors(t *testing.T) {
	consul := shared.Get(t)
	proxy := consul.Proxy(t)
	client := newClient(t, Config{Address: proxy.Addr})
	ctx := t.Context()
	bad := Registration{ID: "bad", Name: "bad", Addresses: map[string]string{"lan_ipv6": "::1"}, TTL: time.Hour}
	if err := client.Register(ctx, bad); err == nil || !strings.Contains(err.Error(), `lan_ipv6="::1" is not ip:port`) {
		t.Errorf("address: %v", err)
	}
	proxy.Set(consultest.Answer(403, "Permission denied"))
	for name, err := range map[string]error{
		"Register": client.Register(ctx, Registration{ID: "x", Name: "x", TTL: time.Hour}),
		"Decorate": client.Decorate(ctx, "x", Registration{TTL: time.Hour}),
		"Beat":     client.Beat(ctx, "x", pool.Passing, ""),
		"Publish":  client.Publish(ctx, "x", nil),
		"Leave":    client.Leave(ctx, "x", true),
	} {
		if err == nil || !strings.Contains(err.Error(), "service:write") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// agentService is the service as the agent has it.
func agentService(t *testing.T, c *consultest.Consul, id string) string {
	t.Helper()
	return string(c.Call(t, "GET", "/v1/agent/service/"+id, nil))
}

// checkIDs are the checks of a service at the agent, sorted.
func checkIDs(t *testing.T, c *consultest.Consul, serviceID string) []string {
	t.Helper()
	var checks map[string]struct{ ServiceID string }
	if err := json.Unmarshal(c.Call(t, "GET", "/v1/agent/checks", nil), &checks); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for id, check := range checks {
		if check.ServiceID == serviceID {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
