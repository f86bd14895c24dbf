package consul

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

const management = "11111111-2222-3333-4444-555555555555"

// newToken makes a token with the rules and returns its SecretID.
func newToken(t *testing.T, c *consultest.Consul, name, rules string) string {
	t.Helper()
	c.Put(t, "/v1/acl/policy", map[string]string{"Name": name, "Rules": rules})
	answer := c.Call(t, "PUT", "/v1/acl/token", map[string]any{"Policies": []any{map[string]string{"Name": name}}})
	var token struct{ SecretID string }
	if err := json.Unmarshal(answer, &token); err != nil {
		t.Fatal(err)
	}
	return token.SecretID
}

// TestACL follows a service of a Consul that denies by default, with a token
// file that changes.
func TestACL(t *testing.T) {
	t.Parallel()
	consul := consultest.Start(t, consultest.Options{
		Token: management,
		Config: map[string]any{"acl": map[string]any{
			"enabled": true, "default_policy": "deny",
			"tokens": map[string]string{"initial_management": management, "agent": management},
		}},
	})
	register(t, consul, service{ID: "w1", Name: "web", Address: "192.0.2.1", Port: 80})
	reader := newToken(t, consul, "reader", `service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }`)
	other := newToken(t, consul, "other", `service "other" { policy = "read" } node_prefix "" { policy = "read" }`)
	writer := newToken(t, consul, "writer", `service "web" { policy = "write" }`)
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	log := &record{}
	anonymous := follow(t, newClient(t, Config{Address: consul.Addr, Log: log.logger()}), Query{Service: "web"}, nil)
	eventually(t, "no token is trouble", func() bool {
		return strings.Contains(anonymous.Status().Err, "service:read on web") && strings.Contains(anonymous.Status().Err, "no token file")
	})
	anonymous.quiet(t)

	write(reader)
	client := newClient(t, Config{Address: consul.Addr, TokenFile: path, Log: log.logger()})
	web := follow(t, client, Query{Service: "web"}, nil)
	web.size(t, 1)

	for name, token := range map[string]string{"another service's token": other, "an unknown token": "99999999-2222-3333-4444-555555555555"} {
		write(token)
		eventually(t, name+" is trouble", func() bool { return strings.Contains(web.Status().Err, "service:read on web") })
		register(t, consul, service{ID: "w2", Name: "web", Address: "192.0.2.2", Port: 80})
		web.quiet(t)
		write(reader)
		web.size(t, 2)
		deregister(t, consul, "w2")
		web.size(t, 1)
	}

	r := Registration{ID: "w3", Name: "web", Address: "192.0.2.3", Port: 80, TTL: 1e9}
	if err := client.Register(t.Context(), r); err == nil || !strings.Contains(err.Error(), "service:write") {
		t.Errorf("register with the reader's token: %v", err)
	}
	agentPath := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(agentPath, []byte(writer), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := newClient(t, Config{Address: consul.Addr, TokenFile: agentPath})
	ctx := t.Context()
	if err := agent.Register(ctx, r); err != nil {
		t.Fatal(err)
	}
	web.size(t, 2)
	for _, call := range []func() error{
		func() error { return agent.Beat(ctx, r.ID, pool.Drained, "drain") },
		func() error { return agent.Beat(ctx, r.ID, pool.Passing, "") },
		func() error { return agent.Publish(ctx, r.ID, map[string]string{pool.MetaLoad: "0.5"}) },
		func() error { return agent.Leave(ctx, r.ID, false) },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	web.size(t, 1)

	for _, secret := range []string{reader, other, writer, management} {
		if log.count(secret) > 0 || strings.Contains(fmt.Sprintf("%+v", web.Status()), secret) {
			t.Error("a token was shown")
		}
	}
}
