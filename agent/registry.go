package agent

import (
	"context"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pool"
)

// Registry is where the agent tells of its server: *consul.Client. Beat and
// Publish return consul.ErrNotRegistered if the registry does not know the
// service or its check any more; the agent then registers it again.
type Registry interface {
	// Register makes the service known, with a TTL check.
	Register(ctx context.Context, r consul.Registration) error
	// Decorate adds a TTL check and metadata to a service that somebody else
	// registered.
	Decorate(ctx context.Context, serviceID string, r consul.Registration) error
	// Beat sets the TTL check's status and starts its time again.
	Beat(ctx context.Context, serviceID string, h pool.Health, output string) error
	// Publish changes the service's metadata.
	Publish(ctx context.Context, serviceID string, meta map[string]string) error
	// Leave takes back Register or, if decorated, Decorate.
	Leave(ctx context.Context, serviceID string, decorated bool) error
}

var _ Registry = (*consul.Client)(nil)
