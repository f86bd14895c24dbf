package consul

import (
	"context"

	"github.com/hashicorp/consul/api"
)

func (w *Watch) fetch(ctx context.Context, index uint64) ([]entry, *api.QueryMeta, error) {
	c := w.client
	if err := w.admitted(ctx); err != nil {
		return nil, nil, err
	}
	options := api.QueryOptions{
		Datacenter: orDefault(w.query.Datacenter, c.datacenter),
		Filter:     w.filter,

		AllowStale: !w.strict, RequireConsistent: w.strict,
	}
	timeout := c.slack
	if index > 0 {
		options.WaitIndex, options.WaitTime = index, c.blockFor()
		timeout += options.WaitTime + options.WaitTime/16 // Consul adds up to 1/16
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	w.asked = c.now()
	var entries []entry
	meta, err := c.api.Raw().Query("/v1/health/service/"+w.query.Service, &entries, options.WithContext(ctx))
	return entries, meta, err
}

// admitted waits until a query may be made.
func (w *Watch) admitted(ctx context.Context) error {
	if w.asked.IsZero() {
		return w.admittedFirst(ctx)
	}
	if err := w.pace.Wait(ctx); err != nil {
		return err
	}
	return w.client.limit.Wait(ctx)
}

// admittedFirst waits for a place among the first queries. Where those get no
// answer that takes long: the others tell why they wait.
func (w *Watch) admittedFirst(ctx context.Context) error {
	c := w.client
	for {
		select {
		case c.first <- struct{}{}:
			w.first = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-c.contact.departed():
			if err := c.contact.outage(); err != nil {
				return err
			}
		}
	}
}

// release gives a place among the first queries to another watch, after it is
// known whether there is contact.
func (w *Watch) release() {
	if w.first {
		<-w.client.first
		w.first = false
	}
}
