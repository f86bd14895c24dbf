package pool

import (
	"net/netip"
	"testing"
	"time"
)

func somePool() *Pool {
	at := time.Unix(1_800_000_000, 0)
	server := func(id string) Server {
		return Server{
			ID: id, Node: "n-" + id, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 8080,
			Capacity: 2, Health: Passing, Reason: "fine", Load: Load{Value: 0.5, Connections: 3, At: at, Boot: "b"},
		}
	}
	return &Pool{Service: "web", At: at, Servers: []Server{server("a"), server("b"), server("d")}}
}

func TestPoolEqual(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(p *Pool, s *Server)
		equal  bool
	}{
		{"itself", func(*Pool, *Server) {}, true},
		{"confirmed later", func(p *Pool, _ *Server) { p.At = p.At.Add(time.Hour) }, true},
		{"reported later", func(_ *Pool, s *Server) { s.Load.At = s.Load.At.Add(time.Hour) }, true},
		{"since later", func(_ *Pool, s *Server) { s.Since = s.Since.Add(time.Hour) }, true},
		{"report gone", func(_ *Pool, s *Server) { s.Load.At = time.Time{} }, false},
		{"service", func(p *Pool, _ *Server) { p.Service = "api" }, false},
		{"one server less", func(p *Pool, _ *Server) { p.Servers = p.Servers[:2] }, false},
		{"id", func(_ *Pool, s *Server) { s.ID = "z" }, false},
		{"node", func(_ *Pool, s *Server) { s.Node = "z" }, false},
		{"host", func(_ *Pool, s *Server) { s.Host = "z." }, false},
		{"address", func(_ *Pool, s *Server) { s.Addrs = []netip.Addr{netip.MustParseAddr("2001:db8::1")} }, false},
		{"port", func(_ *Pool, s *Server) { s.Port++ }, false},
		{"tier", func(_ *Pool, s *Server) { s.Tier++ }, false},
		{"capacity", func(_ *Pool, s *Server) { s.Capacity++ }, false},
		{"warning factor", func(_ *Pool, s *Server) { s.WarningFactor = 0.5 }, false},
		{"health", func(_ *Pool, s *Server) { s.Health = Warning }, false},
		{"reason", func(_ *Pool, s *Server) { s.Reason = "" }, false},
		{"flip", func(_ *Pool, s *Server) { s.Flip++ }, false},
		{"load", func(_ *Pool, s *Server) { s.Load.Value = 0.55 }, false},
		{"connections", func(_ *Pool, s *Server) { s.Load.Connections++ }, false},
		{"boot", func(_ *Pool, s *Server) { s.Load.Boot = "c" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := somePool(), somePool()
			c.change(b, &b.Servers[1])
			if a.Equal(b) != c.equal || b.Equal(a) != c.equal {
				t.Errorf("equal: %v and %v, want %v", a.Equal(b), b.Equal(a), c.equal)
			}
		})
	}
	var none *Pool
	if !none.Equal(nil) || none.Equal(somePool()) || somePool().Equal(nil) {
		t.Error("no pool equals no pool only")
	}
}

func TestFind(t *testing.T) {
	p := somePool()
	for id, want := range map[string]bool{"a": true, "b": true, "d": true, "c": false, "": false, "e": false} {
		if s := p.Find(id); (s != nil) != want || s != nil && s.ID != id {
			t.Errorf("%q: %+v", id, s)
		}
	}
	if s := (*Pool)(nil).Find("a"); s != nil {
		t.Errorf("found %+v in no pool", s)
	}
}

func TestAge(t *testing.T) {
	at := time.Unix(1000, 0)
	l := Load{At: at}
	if got := l.Age(at.Add(3 * time.Second)); got != 3*time.Second {
		t.Errorf("age %v, want 3s", got)
	}
	if got := l.Age(at.Add(-time.Second)); got != 0 {
		t.Errorf("age %v of a report from the future, want 0", got)
	}
	if (Load{}).Known() || !l.Known() {
		t.Error("only a load with a time is known")
	}
	if got := (Status{}).Age(at); got != 0 {
		t.Errorf("age %v of what was never confirmed, want 0", got)
	}
	if got := (Status{Confirmed: at}).Age(at.Add(time.Minute)); got != time.Minute {
		t.Errorf("age %v, want 1m", got)
	}
}
