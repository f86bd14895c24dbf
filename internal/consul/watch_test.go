package consul

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestWatchFollowsRegistrations(t *testing.T) {
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr})
	web := follow(t, client, Query{Service: "follow"}, nil)
	if p := web.size(t, 0); p.Service != "follow" {
		t.Errorf("service %q", p.Service)
	}

	reg := service{
		ID: "f1", Name: "follow", Address: "192.0.2.1", Port: 8080, Tags: []string{"blue"},
		Weights:         map[string]int{"Passing": 10, "Warning": 4},
		TaggedAddresses: map[string]address{"lan_ipv6": {"2001:db8::1", 8080}},
		Meta:            map[string]string{pool.MetaLoad: "0.5", pool.MetaConnections: "7", pool.MetaBoot: "b1"},
		Check:           map[string]string{"CheckID": "f1-ttl", "Name": "ttl", "TTL": "1h", "Status": "passing"},
	}
	register(t, consul, reg)
	got := web.size(t, 1).Servers[0]
	want := pool.Server{
		ID: "node/f1", Node: "node", Port: 8080, Capacity: 10, WarningFactor: 0.4, Health: pool.Passing,
		Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		Load:  pool.Load{Value: 0.5, Connections: 7, Boot: "b1", At: time.Now()},
	}
	if !(&pool.Pool{Servers: []pool.Server{got}}).Equal(&pool.Pool{Servers: []pool.Server{want}}) {
		t.Errorf("server\n got %+v\nwant %+v", got, want)
	}
	if age := got.Load.Age(time.Now()); age > time.Minute || !got.Since.IsZero() {
		t.Errorf("load age %v, since %v", age, got.Since)
	}

	steps := []struct {
		name   string
		change func()
		wanted func(s pool.Server) bool
	}{
		{"weights", func() {
			reg.Weights = map[string]int{"Passing": 3}
			register(t, consul, reg)
		}, func(s pool.Server) bool { return s.Capacity == 3 && s.WarningFactor == 0 }},
		{"warning", func() { setCheck(t, consul, "f1-ttl", "warning", "load 0.95\nmore") },
			func(s pool.Server) bool {
				return s.Health == pool.Warning && s.Reason == "ttl: load 0.95" && time.Since(s.Since) < time.Minute
			}},
		{"critical", func() { setCheck(t, consul, "f1-ttl", "critical", "gone") },
			func(s pool.Server) bool { return s.Health == pool.Critical && s.Reason == "ttl: gone" }},
		{"maintenance wins over critical", func() {
			consul.Put(t, "/v1/agent/service/maintenance/f1?enable=true&reason=new+disk", nil)
		}, func(s pool.Server) bool {
			return s.Health == pool.Drained && s.Reason == "Service Maintenance Mode: new disk"
		}},
		{"end of maintenance", func() { consul.Put(t, "/v1/agent/service/maintenance/f1?enable=false", nil) },
			func(s pool.Server) bool { return s.Health == pool.Critical }},
		{"passing", func() { setCheck(t, consul, "f1-ttl", "passing", "fine") },
			func(s pool.Server) bool { return s.Health == pool.Passing && s.Reason == "" }},
		{"node maintenance", func() { consul.Put(t, "/v1/agent/maintenance?enable=true&reason=kernel", nil) },
			func(s pool.Server) bool {
				return s.Health == pool.Drained && s.Reason == "Node Maintenance Mode: kernel"
			}},
		{"end of node maintenance", func() { consul.Put(t, "/v1/agent/maintenance?enable=false", nil) },
			func(s pool.Server) bool { return s.Health == pool.Passing }},
		{"new load", func() {
			reg.Meta = map[string]string{pool.MetaLoad: "0.75"}
			register(t, consul, reg)
		}, func(s pool.Server) bool { return s.Load.Value == 0.75 }},
		{"broken load keeps the last", func() {
			reg.Meta = map[string]string{pool.MetaLoad: "heavy"}
			reg.Port = 8081
			register(t, consul, reg)
		}, func(s pool.Server) bool { return s.Port == 8081 && s.Load.Value == 0.75 }},
	}
	for _, step := range steps {
		step.change()
		web.next(t, step.name, func(p *pool.Pool) bool { return len(p.Servers) == 1 && step.wanted(p.Servers[0]) })
	}
	if err := web.Status().Err; !strings.Contains(err, `node/f1: meta ballast-load="heavy"`) || web.Flaws() != 1 {
		t.Errorf("broken load: status %q, %d flaws", err, web.Flaws())
	}
	if age := web.Status().Age(time.Now()); age > time.Minute {
		t.Errorf("confirmed %v ago", age)
	}

	deregister(t, consul, "f1")
	web.size(t, 0)
	register(t, consul, reg)
	web.size(t, 1)
	deregister(t, consul, "f1")
	web.size(t, 0)
}

func TestWatchChoosesByTag(t *testing.T) {
	consul := shared.Get(t)
	for id, tags := range map[string][]string{"a": {"blue"}, "b": {"blue", "v2"}, "c": {"vip"}, "d": {`odd "tag"`}} {
		register(t, consul, service{ID: "tag-" + id, Name: "tagged", Address: "192.0.2.1", Port: 80, Tags: tags})
		t.Cleanup(func() { deregister(t, consul, "tag-"+id) })
	}
	client := newClient(t, Config{Address: consul.Addr})
	cases := map[string]struct {
		query Query
		ids   []string
	}{
		"no tag, no VIP": {Query{}, []string{"node/tag-a", "node/tag-b", "node/tag-d"}},
		"the tag vip":    {Query{Tags: []string{"vip"}}, []string{"node/tag-c"}},
		"one tag":        {Query{Tags: []string{"blue"}}, []string{"node/tag-a", "node/tag-b"}},
		"all tags":       {Query{Tags: []string{"blue", "v2"}}, []string{"node/tag-b"}},
		"unknown tag":    {Query{Tags: []string{"green"}}, []string{}},
		"quoted tag":     {Query{Tags: []string{`odd "tag"`}}, []string{"node/tag-d"}},
		"via vip":        {Query{Via: ViaVIP}, []string{"node/tag-c"}},
		"vip with tag":   {Query{Via: ViaVIP, Tags: []string{"blue"}}, []string{}},
		"by datacenter":  {Query{Datacenter: "dc1", Tags: []string{"v2"}}, []string{"node/tag-b"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.query.Service = "tagged"
			p := follow(t, client, c.query, nil).size(t, len(c.ids))
			var ids []string
			for _, s := range p.Servers {
				ids = append(ids, s.ID)
			}
			if !slices.Equal(ids, c.ids) && len(ids)+len(c.ids) > 0 {
				t.Errorf("got %q, want %q", ids, c.ids)
			}
		})
	}
}

func TestUnknownDatacenterIsTold(t *testing.T) {
	consul := shared.Get(t)
	client := newClient(t, Config{Address: consul.Addr, Datacenter: "mars"})
	web := follow(t, client, Query{Service: "web"}, nil)
	eventually(t, "trouble", func() bool { return strings.Contains(web.Status().Err, "No path to datacenter") })
	web.quiet(t)
}

func TestSeedIsNotPublishedAgain(t *testing.T) {
	consul := shared.Get(t)
	register(t, consul, service{ID: "seed", Name: "seeded", Address: "192.0.2.1", Port: 80})
	t.Cleanup(func() { deregister(t, consul, "seed") })
	client := newClient(t, Config{Address: consul.Addr})
	seed := follow(t, client, Query{Service: "seeded"}, nil).size(t, 1)

	again := client.Pool(Query{Service: "seeded"}, seed)
	if s := again.Status(); !s.Confirmed.Equal(seed.At) || s.Source != "consul seeded" {
		t.Errorf("status before Run: %+v", s)
	}
	web := follow(t, client, Query{Service: "seeded"}, seed)
	eventually(t, "confirmation", func() bool { return web.Status().Confirmed.After(seed.At) })
	web.quiet(t)
	register(t, consul, service{ID: "seed", Name: "seeded", Address: "192.0.2.1", Port: 81})
	web.next(t, "port 81", func(p *pool.Pool) bool { return p.Servers[0].Port == 81 })
}

func TestLoadsAreConfirmed(t *testing.T) {
	consul := shared.Get(t)
	register(t, consul, service{ID: "l", Name: "loaded", Address: "192.0.2.1", Port: 80, Meta: map[string]string{pool.MetaLoad: "0.5"}})
	register(t, consul, service{ID: "u", Name: "unloaded", Address: "192.0.2.1", Port: 80})
	t.Cleanup(func() { deregister(t, consul, "l"); deregister(t, consul, "u") })
	client := newClient(t, Config{Address: consul.Addr, Wait: 100 * time.Millisecond})
	client.refresh = 300 * time.Millisecond
	loaded := follow(t, client, Query{Service: "loaded"}, nil)
	unloaded := follow(t, client, Query{Service: "unloaded"}, nil)
	unloaded.size(t, 1)
	first := loaded.size(t, 1)
	second := loaded.size(t, 1)
	if d := second.Servers[0].Load.At.Sub(first.Servers[0].Load.At); d < client.refresh || !second.Equal(first) {
		t.Errorf("confirmed after %v: %+v", d, second)
	}
	unloaded.quiet(t)
}

func TestRunRejectsImpossibleQueries(t *testing.T) {
	client := newClient(t, Config{})
	for want, q := range map[string]Query{
		"no service": {},
		"via=moon":   {Service: "web", Via: "moon"},
		"quotes":     {Service: "web", Tags: []string{"a`\"b"}},
	} {
		err := client.Pool(q, nil).Run(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
