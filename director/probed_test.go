package director

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/probe"
)

func TestMerge(t *testing.T) {
	since := time.Unix(1e9, 0)
	for _, c := range []struct {
		name       string
		told, seen pool.Health
		want       pool.Health
		reason     string
	}{
		{"both well", pool.Passing, pool.Passing, pool.Passing, "told"},
		{"seen to be dead", pool.Passing, pool.Critical, pool.Critical, "seen"},
		{"seen to be slow", pool.Passing, pool.Warning, pool.Warning, "seen"},
		{"told to be slow, seen to be dead", pool.Warning, pool.Critical, pool.Critical, "seen"},
		{"told to be slow, seen to be well", pool.Warning, pool.Passing, pool.Warning, "told"},
		{"told to be dead", pool.Critical, pool.Passing, pool.Critical, "told"},
		{"drained", pool.Drained, pool.Critical, pool.Drained, "told"},
		{"not seen yet", pool.Passing, pool.Unknown, pool.Passing, "told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := &pool.Pool{Servers: []pool.Server{{ID: "a", Health: c.told, Reason: "told", Capacity: 3}}}
			seen := &pool.Pool{Servers: []pool.Server{{ID: "a", Health: c.seen, Reason: "seen", Since: since}}}
			got := merge(told, seen).Servers[0]
			if got.Health != c.want || got.Reason != c.reason || got.Capacity != 3 || (c.reason == "seen") != got.Since.Equal(since) {
				t.Errorf("got %+v", got)
			}
			if told.Servers[0].Health != c.told {
				t.Error("the pool that was told was written to")
			}
		})
	}
	told := &pool.Pool{Servers: []pool.Server{{ID: "a", Health: pool.Passing}}}
	for _, seen := range []*pool.Pool{nil, {}, {Servers: []pool.Server{{ID: "b", Health: pool.Critical}}}} {
		if got := merge(told, seen).Servers[0].Health; got != pool.Passing {
			t.Errorf("%v of a server that was not seen, with %v", got, seen)
		}
	}
}

// told is a source that hands over what it is given.
type told chan *pool.Pool

func (s told) Run(ctx context.Context, publish func(*pool.Pool)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-s:
			publish(p)
		}
	}
}

func (s told) Status() pool.Status { return pool.Status{Source: "told"} }

// TestProbed: one of two servers, that both are told to be well, is not.
func TestProbed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := addrPort(l.Addr()).Port()
	inner := make(told)
	s := newProbed("web", inner, config.Check{
		Spec: probe.Spec{Kind: "tcp"}, Options: probe.Options{Every: 20 * time.Millisecond, Timeout: time.Second, Rise: 1, Fall: 1},
	})
	if s.Status().Source != "told" {
		t.Errorf("it follows %s", s.Status().Source)
	}
	f := startFeed(t.Context(), s, nil, func() {}, newDirector(Options{Config: &config.Config{}}).log)
	defer f.end()
	local := func(id, addr string) pool.Server {
		return pool.Server{ID: id, Addrs: []netip.Addr{netip.MustParseAddr(addr)}, Port: port, Health: pool.Passing, Capacity: 1}
	}
	health := func(id string) pool.Health {
		if s := f.last().Find(id); s != nil {
			return s.Health
		}
		return pool.Unknown
	}
	inner <- &pool.Pool{Servers: []pool.Server{local("a", "127.0.0.1"), local("b", "127.0.0.2")}}
	await(t, "b is critical", func() bool { return health("b") == pool.Critical })
	if got := health("a"); got != pool.Passing {
		t.Errorf("a is %v", got)
	}
	inner <- &pool.Pool{Servers: []pool.Server{local("b", "127.0.0.2"), local("c", "127.0.0.3")}}
	await(t, "c is critical", func() bool { return health("c") == pool.Critical })
	if got := health("b"); got != pool.Critical || health("a") != pool.Unknown {
		t.Errorf("b, which was known, is %v; a, which left, is %v", got, health("a"))
	}
}
