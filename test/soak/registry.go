package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/test/soak/oracle"
	"golang.org/x/sync/errgroup"
)

// registry writes to Consul's catalog, past the proxy: each server is a node of its
// own, and each write is one entry of Raft's log.
type registry struct {
	addr      string
	transport *http.Transport
}

func newRegistry(addr string) *registry {
	return &registry{addr: addr, transport: &http.Transport{MaxIdleConnsPerHost: registryWidth}}
}

func (r *registry) close() { r.transport.CloseIdleConnections() }

// registryWidth is how many writes are under way at once.
const registryWidth = 8

var statuses = map[oracle.Health]string{
	oracle.Passing: "passing", oracle.Warning: "warning", oracle.Critical: "critical", oracle.Maintenance: "critical",
}

// change makes a service's pool another.
func (r *registry) change(ctx context.Context, service string, from, to oracle.Pool) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(registryWidth)
	for id, s := range to {
		if was, known := from[id]; !known || !same(was, s) {
			g.Go(func() error { return r.register(ctx, service, was, s) })
		}
	}
	for id := range from {
		if _, kept := to[id]; !kept {
			g.Go(func() error { return r.put(ctx, "/v1/catalog/deregister", map[string]any{"Node": nodeOf(id)}) })
		}
	}
	return g.Wait()
}

func same(a, b oracle.Server) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// nodeOf and idOf are the parts of a server's ID.
func nodeOf(id string) string { node, _, _ := strings.Cut(id, "/"); return node }
func idOf(id string) string   { _, service, _ := strings.Cut(id, "/"); return service }

// register writes one server, all at once. Maintenance is a check of its own, as
// Consul's agents have it.
func (r *registry) register(ctx context.Context, service string, was, s oracle.Server) error {
	node, id := nodeOf(s.ID), idOf(s.ID)
	check := map[string]any{"CheckID": "service:" + id, "Name": "health", "Status": statuses[s.Health], "ServiceID": id}
	if s.Health == oracle.Maintenance {
		check["CheckID"], check["Notes"] = maintenance+id, "soak"
	}
	instance := map[string]any{
		"ID": id, "Service": service, "Address": s.Addrs[0].String(), "Port": s.Port,
		"Weights": map[string]int{"Passing": s.Weight, "Warning": 1},
	}
	if len(s.Addrs) > 1 {
		instance["TaggedAddresses"] = map[string]any{"lan_ipv6": map[string]any{"Address": s.Addrs[1].String(), "Port": s.Port}}
	}
	if s.Load > 0 {
		instance["Meta"] = pool.Report{Load: s.Load, Connections: int(100 * s.Load), Boot: "one"}.Meta()
	}
	err := r.put(ctx, "/v1/catalog/register", map[string]any{
		"Node": node, "Address": s.Addrs[0].String(), "Service": instance, "Check": check,
	})
	if err == nil && was.Health == oracle.Maintenance && s.Health != oracle.Maintenance {
		err = r.put(ctx, "/v1/catalog/deregister", map[string]any{"Node": node, "CheckID": maintenance + id})
	}
	return err
}

const maintenance = "_service_maintenance:"

func (r *registry) put(ctx context.Context, path string, body any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+r.addr+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: r.transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("PUT %s: %s: %s", path, resp.Status, bytes.TrimSpace(answer))
	}
	return err
}
