package consul

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/hashicorp/consul/api"
)

// ErrNotRegistered says that the local Consul agent does not know the service
// or its TTL check: it was restarted without a data directory, somebody
// deregistered it, or it is not there yet. Register or Decorate again.
var ErrNotRegistered = errors.New("not registered with the local Consul agent")

// callTimeout bounds each call to the local agent.
const callTimeout = 10 * time.Second

// metaPrefix begins the Meta keys that are ours.
const metaPrefix = "ballast-"

// Registration is a service that an agent registers with the Consul agent
// beside it, with a TTL check.
type Registration struct {
	ID, Name, Address string
	Addresses         map[string]string // tagged, such as lan_ipv6 -> ip:port
	Port              int
	Tags              []string
	Meta              map[string]string
	Passing, Warning  int           // weights; both 0: Consul's default of 1
	TTL               time.Duration // of the TTL check; at least 1s
	CheckName         string        // of the TTL check, for people; empty for "Ballast agent"
	// DeregisterAfter is how long the check may be critical before Consul
	// deregisters the service; 0 for never. Consul wants at least 1m.
	DeregisterAfter time.Duration
}

// CheckID is the ID of the TTL check that belongs to a service.
func CheckID(serviceID string) string { return "ballast:" + serviceID }

// Register registers the service. Its TTL check is critical until the first
// Beat; a check that exists already keeps its state. The call may be repeated.
func (c *Client) Register(ctx context.Context, r Registration) error {
	c.maint.forget(r.ID) // with the service, Consul may have lost its maintenance
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	service := &api.AgentServiceRegistration{
		ID: r.ID, Name: r.Name, Address: r.Address, Port: r.Port, Tags: r.Tags, Meta: r.Meta,
		Check: r.check(api.HealthCritical),
	}
	if r.Passing != 0 || r.Warning != 0 {
		service.Weights = &api.AgentWeights{Passing: r.Passing, Warning: r.Warning}
	}
	var err error
	if service.TaggedAddresses, err = taggedAddresses(r.Addresses); err == nil {
		err = c.put(ctx, service)
	}
	if err != nil {
		return c.agentError("register service "+r.ID, err)
	}
	return nil
}

// Decorate adds a TTL check and the Meta of r to a service that somebody else
// registered, and leaves all else of it as it is. The check is passing until
// the first Beat, so that it does not take the service out. The error wraps
// ErrNotRegistered when there is no such service.
func (c *Client) Decorate(ctx context.Context, serviceID string, r Registration) error {
	c.maint.forget(serviceID)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := c.edit(ctx, serviceID, mergeMeta(r.Meta)); err != nil {
		return c.agentError("decorate service "+serviceID, err)
	}
	r.ID, r.DeregisterAfter = serviceID, 0 // not ours to deregister
	check := &api.AgentCheckRegistration{ServiceID: serviceID, AgentServiceCheck: *r.check(api.HealthPassing)}
	check.ID, check.Name = check.CheckID, check.AgentServiceCheck.Name
	check.CheckID = ""
	if err := c.api.Agent().CheckRegisterOpts(check, options(ctx)); err != nil {
		return c.agentError("add check to service "+serviceID, err)
	}
	return nil
}

// Publish merges meta into the service's Meta. It costs a Raft write when
// that changes anything. A service registered with another token is from then
// on synchronised with this client's.
func (c *Client) Publish(ctx context.Context, serviceID string, meta map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := c.edit(ctx, serviceID, mergeMeta(meta)); err != nil {
		return c.agentError("publish meta of service "+serviceID, err)
	}
	return nil
}

// Leave undoes Register, or Decorate when decorated. It is no error when
// nothing is left to undo.
func (c *Client) Leave(ctx context.Context, serviceID string, decorated bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c.maint.forget(serviceID)
	var err error
	if decorated {
		err = c.undecorate(ctx, serviceID)
	} else {
		err = c.api.Agent().ServiceDeregisterOpts(serviceID, options(ctx))
	}
	if err == nil || notFound(err) {
		return nil
	}
	return c.agentError("leave service "+serviceID, err)
}

func (c *Client) undecorate(ctx context.Context, serviceID string) error {
	if err := c.resume(ctx, serviceID); err != nil && !notFound(err) {
		return err
	}
	err := c.api.Agent().CheckDeregisterOpts(CheckID(serviceID), options(ctx))
	if err != nil && !notFound(err) {
		return err
	}
	return c.edit(ctx, serviceID, func(meta map[string]string) {
		maps.DeleteFunc(meta, func(key, _ string) bool { return strings.HasPrefix(key, metaPrefix) })
	})
}

func (r Registration) check(status string) *api.AgentServiceCheck {
	check := &api.AgentServiceCheck{
		CheckID: CheckID(r.ID), Name: orDefault(r.CheckName, "Ballast agent"), TTL: r.TTL.String(), Status: status,
	}
	if r.DeregisterAfter > 0 {
		check.DeregisterCriticalServiceAfter = r.DeregisterAfter.String()
	}
	return check
}

// edit registers the service again as the local agent has it, with changed
// Meta. The agent keeps the service's checks and their states.
func (c *Client) edit(ctx context.Context, serviceID string, change func(meta map[string]string)) error {
	s, _, err := c.api.Agent().Service(serviceID, options(ctx))
	if err != nil {
		return err
	}
	meta := maps.Clone(s.Meta)
	if meta == nil {
		meta = map[string]string{}
	}
	if change(meta); maps.Equal(meta, s.Meta) {
		return nil
	}
	return c.put(ctx, &api.AgentServiceRegistration{
		Kind: s.Kind, ID: s.ID, Name: s.Service, Tags: s.Tags, Port: s.Port, Ports: s.Ports,
		Address: s.Address, SocketPath: s.SocketPath, TaggedAddresses: s.TaggedAddresses,
		EnableTagOverride: s.EnableTagOverride, Meta: meta, Weights: &s.Weights,
		Proxy: s.Proxy, Connect: s.Connect, AI: s.AI,
		Namespace: s.Namespace, Partition: s.Partition, Locality: s.Locality,
	})
}

func mergeMeta(more map[string]string) func(map[string]string) {
	return func(meta map[string]string) { maps.Copy(meta, more) }
}

func (c *Client) put(ctx context.Context, s *api.AgentServiceRegistration) error {
	return c.api.Agent().ServiceRegisterOpts(s, api.ServiceRegisterOpts{}.WithContext(ctx))
}

func options(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{}).WithContext(ctx)
}

func taggedAddresses(texts map[string]string) (map[string]api.ServiceAddress, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	tagged := make(map[string]api.ServiceAddress, len(texts))
	for tag, text := range texts {
		ap, err := netip.ParseAddrPort(text)
		if err != nil {
			return nil, fmt.Errorf("address %s=%q is not ip:port", tag, text)
		}
		tagged[tag] = api.ServiceAddress{Address: ap.Addr().String(), Port: int(ap.Port())}
	}
	return tagged, nil
}

func notFound(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == 404
}

// agentError words a failed call to the local agent, with the remedy.
func (c *Client) agentError(doing string, err error) error {
	if notFound(err) {
		return fmt.Errorf("consul: %s: %w", doing, ErrNotRegistered)
	}
	var status api.StatusError
	if errors.As(err, &status) && status.Code == 403 {
		return fmt.Errorf("consul: %s: 403 %s: the token needs service:write on it", doing, firstLine(status.Body))
	}
	return fmt.Errorf("consul: %s at %s: %w", doing, c.address, err)
}

// Beat renews the TTL check with the service's health. Warning means
// overloaded. Drained puts the service into maintenance with output as its
// reason, and the next other state takes it out again. Unknown passes: the
// agent lives and knows of nothing bad. The error wraps ErrNotRegistered when
// Consul has forgotten the service or check.
func (c *Client) Beat(ctx context.Context, serviceID string, h pool.Health, output string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	status := api.HealthPassing
	switch h {
	case pool.Warning:
		status = api.HealthWarning
	case pool.Critical:
		status = api.HealthCritical
	}
	update := func() error {
		err := c.api.Agent().UpdateTTLOpts(CheckID(serviceID), clip(output), status, options(ctx))
		return c.agentErrorOrNil("update check "+CheckID(serviceID), err)
	}
	maintain := func() error {
		err := c.maintain(ctx, serviceID, h == pool.Drained, output)
		return c.agentErrorOrNil("maintenance of service "+serviceID, err)
	}
	steps := []func() error{update, maintain}
	if h == pool.Drained { // never passing without its maintenance
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) agentErrorOrNil(doing string, err error) error {
	if err == nil {
		return nil
	}
	return c.agentError(doing, err)
}
