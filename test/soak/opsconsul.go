package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// consulLane changes what stands in Consul, while that can be written to.
func (s *stage) consulLane() lane {
	one := func(change func(*rand.Rand, *oracle.Server)) func(*rand.Rand, *service, oracle.Pool) oracle.Pool {
		return func(r *rand.Rand, _ *service, p oracle.Pool) oracle.Pool {
			server := pick(r, p)
			change(r, &server)
			return p.With(server)
		}
	}
	changes := []struct {
		name  string
		share int
		next  func(*rand.Rand, *service, oracle.Pool) oracle.Pool
	}{
		{"register", 12, registerOne},
		{"deregister", 8, deregisterOne},
		{"weight", 8, one(func(r *rand.Rand, s *oracle.Server) { s.Weight = 1 + r.IntN(20) })},
		{"health", 30, one(func(r *rand.Rand, s *oracle.Server) { s.Health = anyHealth(r) })},
		{"load", 20, one(anyLoad)},
		{"address", 3, one(move)},
		{"many at once", 8, manyAtOnce},
		{"all down", 3, allDown},
		{"all gone", 2, allGone},
		{"all well", 6, func(_ *rand.Rand, s *service, _ oracle.Pool) oracle.Pool { return s.pool() }},
	}
	l := lane{name: "consul", every: s.pace(250 * time.Millisecond)}
	for _, c := range changes {
		l.ops = append(l.ops, op{name: c.name, share: c.share, do: func(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
			service := &services[r.IntN(len(services))]
			before := s.model.Pool(service.source())
			if len(before) == 0 {
				before = service.pool()
			}
			return s.changePool(service, c.next(r, service, before), note)
		}})
	}
	return l
}

// changePool makes a service's pool another, in the model and in Consul.
func (s *stage) changePool(service *service, next oracle.Pool, note func(string, ...any) func()) error {
	s.consulUp.RLock()
	defer s.consulUp.RUnlock()
	before := s.model.Pool(service.source())
	if difference := differ(before, next); difference != "" {
		defer note("%s: %s", service.name, difference)()
	}
	s.model.BeginPool(s.clock.now(), service.source(), next)
	if err := s.registry.change(s.always, service.name, before, next); err != nil {
		return err
	}
	s.model.DonePool(s.clock.now(), service.source())
	return nil
}

func differ(a, b oracle.Pool) string {
	var words []string
	for id, s := range b {
		was, known := a[id]
		switch {
		case !known:
			words = append(words, "+"+id)
		case !same(was, s):
			words = append(words, fmt.Sprintf("%s %s load %.2f weight %d", id, s.Health, s.Load, s.Weight))
		}
	}
	for id := range a {
		if _, kept := b[id]; !kept {
			words = append(words, "-"+id)
		}
	}
	slices.Sort(words)
	if len(words) > 6 {
		return fmt.Sprintf("%v and %d more", words[:6], len(words)-6)
	}
	return fmt.Sprint(words)
}

// pick draws a server. The order of a map must not matter to what a seed means.
func pick(r *rand.Rand, p oracle.Pool) oracle.Server {
	ids := slices.Sorted(maps.Keys(p))
	return p[ids[r.IntN(len(ids))]]
}

// anyHealth is mostly good, so that pools do not waste away.
func anyHealth(r *rand.Rand) oracle.Health {
	switch n := r.IntN(20); {
	case n < 11:
		return oracle.Passing
	case n < 13:
		return oracle.Warning
	case n < 19:
		return oracle.Critical
	}
	return oracle.Maintenance
}

// anyLoad leaves out loads of which hysteresis makes something.
func anyLoad(r *rand.Rand, s *oracle.Server) {
	if s.Load == 0 {
		return // of a service that does not report
	}
	s.Load = []float64{0.1, 0.3, 0.5, 0.6, 0.95}[r.IntN(5)]
}

// move gives a server another address: the one beside it, of the upper half of
// its prefix, and back.
func move(_ *rand.Rand, s *oracle.Server) {
	if a := s.Addrs[0].As4(); a[0] == 198 {
		a[3] ^= 128
		s.Addrs = append([]netip.Addr{netip.AddrFrom4(a)}, s.Addrs[1:]...)
	}
}

func registerOne(r *rand.Rand, s *service, p oracle.Pool) oracle.Pool {
	server := s.server(r.IntN(s.servers))
	server.Weight = 1 + r.IntN(20)
	return p.With(server)
}

func deregisterOne(r *rand.Rand, s *service, p oracle.Pool) oracle.Pool {
	if len(p) <= max(1, s.servers/2) && !s.mayGo {
		return p
	}
	return p.Without(pick(r, p).ID)
}

func manyAtOnce(r *rand.Rand, s *service, p oracle.Pool) oracle.Pool {
	next := p
	for range 1 + s.servers/3 {
		server := s.server(r.IntN(s.servers))
		if was, known := p[server.ID]; known {
			server = was
		}
		server.Health = anyHealth(r)
		next = next.With(server)
	}
	return next
}

func allDown(_ *rand.Rand, _ *service, p oracle.Pool) oracle.Pool {
	next := oracle.Pool{}
	for id, server := range p {
		server.Health = oracle.Critical
		next[id] = server
	}
	return next
}

func allGone(_ *rand.Rand, s *service, p oracle.Pool) oracle.Pool {
	if !s.mayGo {
		return p
	}
	return oracle.Pool{}
}
