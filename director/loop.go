package director

import (
	"context"
	"os"
	"time"
)

// step is how often the datapath's numbers are looked at.
const step = 100 * time.Millisecond

// loop judges whenever something happens, and looks at the datapath's numbers.
func (d *Director) loop(ctx context.Context, reload <-chan os.Signal) error {
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
			d.reload(ctx)
		case <-d.changes:
			d.mu.Lock()
			d.reroute()
			d.mu.Unlock()
		case <-ticker.C:
		case <-d.kick:
		}
		d.step(time.Now())
	}
}

// step brings everything up to date.
func (d *Director) step(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireOrders(now)
	for _, conf := range d.cfg.VIPs {
		v := d.vips[conf.Name]
		if v == nil {
			continue
		}
		d.judge(v, now)
		d.measure(v, now)
		d.announce(v)
	}
	d.addresses(now)
	d.leftovers()
}

// leftovers retires services of the datapath that are configured no more.
func (d *Director) leftovers() {
	for id, s := range d.plane.Services() {
		if d.vips[nameOf(s)] != nil {
			continue
		}
		if err := d.retireVIP(id); err != nil {
			d.log.Error("a VIP that is configured no more cannot be taken out", "vip", nameOf(s), "error", err)
		}
	}
}
