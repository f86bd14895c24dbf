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
		d.save()
	}
}

// step brings everything up to date.
func (d *Director) step(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireOrders(now)
	for _, v := range d.vips {
		d.judge(v, now)
	}
	d.orphans()
	d.serve(now)
	for _, v := range d.vips {
		d.tellTrouble(v)
		d.measure(v, now)
		d.announce(v)
	}
	d.leftovers(now)
}

// tellTrouble logs what is new of why the datapath is not as it should be.
func (d *Director) tellTrouble(v *vip) {
	text := ""
	if v.trouble != nil {
		text = v.trouble.Error()
	}
	if text != "" && text != v.told {
		d.log.Error("the datapath is not as it should be", "vip", v.conf.Name, "error", v.trouble)
	}
	v.told = text
}
