package director

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/director/metrics"
	"github.com/ballast-lb/ballast/internal/control"
)

// listen answers on the control socket and for Prometheus.
func (d *Director) listen(ctx context.Context, g *errgroup.Group) error {
	socket, err := control.Listen(d.cfg.Control)
	if err != nil {
		return err
	}
	var scrapes net.Listener
	if d.cfg.Metrics != "" {
		if scrapes, err = net.Listen("tcp", d.cfg.Metrics); err != nil {
			socket.Close()
			return fmt.Errorf("metrics: %w", err)
		}
	}
	g.Go(func() error {
		return control.ServeDirector(ctx, socket, d, func(format string, args ...any) {
			d.log.Warn(fmt.Sprintf(format, args...))
		})
	})
	if scrapes != nil {
		g.Go(func() error { return metrics.Serve(ctx, scrapes, d.snapshot) })
	}
	return nil
}

func (d *Director) snapshot() control.DirectorStatus {
	s, err := d.Status(context.Background())
	if err != nil {
		d.log.Warn("status is not complete", "error", err)
	}
	return s
}
