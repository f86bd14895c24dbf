package director

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/reports"
	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/probe"
)

// newSource makes the source of a VIP's servers. seed is the pool from before
// a reload, or nil.
func newSource(v config.VIP, client *consul.Client, seed *pool.Pool, log *slog.Logger) (pool.Source, error) {
	var source pool.Source
	var err error
	if v.Service == nil {
		source, err = listSource(v, v.Servers, seed)
	} else {
		source = client.Pool(*v.Service, seed)
		if v.Check != nil {
			source = newProbed(v.Name, source, *v.Check)
		}
	}
	if err != nil || v.Reports == nil {
		return source, err
	}
	return reports.New(source, reports.Options{
		Port: v.Reports.Port, Interval: v.Reports.Interval, TokenFile: v.Reports.TokenFile, Log: log,
	})
}

// listSource probes the servers of a list.
func listSource(v config.VIP, list []config.Server, seed *pool.Pool) (pool.Source, error) {
	check := config.Check{Spec: probe.Spec{Kind: "none"}}
	if v.Check != nil {
		check = *v.Check
	}
	ask, err := probe.New(check.Spec)
	if err != nil {
		return nil, fmt.Errorf("vip %s: check %s: %w", v.Name, check.Spec.Kind, err)
	}
	servers := make([]pool.Server, len(list))
	any := make(map[string]bool) // serve whichever port the client asked for
	for i, s := range list {
		servers[i] = pool.Server{
			ID: serverID(s), Addrs: []netip.Addr{s.Addr}, Port: s.Port, Capacity: float64(s.Weight),
		}
		if s.Port == 0 {
			servers[i].Port = v.Ports[0] // what is probed
			any[servers[i].ID] = true
		}
	}
	slices.SortFunc(servers, func(a, b pool.Server) int { return strings.Compare(a.ID, b.ID) })
	return &anyPort{probe.NewSource(v.Name, servers, ask, check.Options, asProbed(seed, servers)), any}, nil
}

// asProbed gives a pool's servers the ports at which they were probed.
func asProbed(seed *pool.Pool, servers []pool.Server) *pool.Pool {
	if seed == nil {
		return nil
	}
	q := *seed
	q.Servers = slices.Clone(seed.Servers)
	probed := pool.Pool{Servers: servers}
	for i := range q.Servers {
		if s := probed.Find(q.Servers[i].ID); s != nil {
			q.Servers[i].Port = s.Port
		}
	}
	return &q
}

// serverID names a server of a list as the list does.
func serverID(s config.Server) string {
	if s.Port == 0 {
		return s.Addr.String()
	}
	return netip.AddrPortFrom(s.Addr, s.Port).String()
}

// anyPort gives servers that were probed at one port, but serve all, port 0.
type anyPort struct {
	pool.Source
	ids map[string]bool
}

func (s *anyPort) Run(ctx context.Context, publish func(*pool.Pool)) error {
	return s.Source.Run(ctx, func(p *pool.Pool) {
		q := *p
		q.Servers = slices.Clone(p.Servers)
		for i := range q.Servers {
			if s.ids[q.Servers[i].ID] {
				q.Servers[i].Port = 0
			}
		}
		publish(&q)
	})
}
