package consul

import (
	"context"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"
)

// maintMark begins the reason of a maintenance that is ours, so that an
// operator's is never ended.
const maintMark = "ballast: "

// maintained remembers which services are in maintenance by us, so that a
// beat without news costs nothing.
type maintained struct {
	mu    sync.Mutex
	known map[string]bool
}

func (m *maintained) get(id string) (drained, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	drained, known = m.known[id]
	return drained, known
}

func (m *maintained) set(id string, drained bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]bool{}
	}
	m.known[id] = drained
}

func (m *maintained) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, id)
}

// maintain puts a service into maintenance or ends what we began, perhaps in
// an earlier life: Consul keeps maintenance over our restart.
func (c *Client) maintain(ctx context.Context, id string, drain bool, reason string) error {
	was, known := c.maint.get(id)
	if known && was == drain {
		return nil
	}
	var err error
	if drain {
		err = c.api.Agent().EnableServiceMaintenanceOpts(id, maintMark+clip(reason), options(ctx))
	} else {
		err = c.resume(ctx, id)
	}
	if err == nil {
		c.maint.set(id, drain)
	}
	return err
}

// resume ends the service's maintenance if it is ours.
func (c *Client) resume(ctx context.Context, id string) error {
	filter := "CheckID == `" + api.ServiceMaintPrefix + id + "`"
	checks, err := c.api.Agent().ChecksWithFilterOpts(filter, options(ctx))
	if err != nil {
		return err
	}
	for _, check := range checks {
		if strings.HasPrefix(check.Notes, maintMark) {
			return c.api.Agent().DisableServiceMaintenanceOpts(id, options(ctx))
		}
	}
	return nil
}
