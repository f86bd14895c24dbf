package director

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/ballast-lb/ballast/director/config"
)

// reload reads the configuration again. If anything is wrong with it, nothing
// changes: the last good one stays in use, and status and log say why.
func (d *Director) reload(ctx context.Context) {
	cfg, err := config.Load(d.cfg.File)
	if err == nil {
		err = d.unchangeable(cfg)
	}
	if err == nil {
		err = d.replace(ctx, cfg)
	}
	if err == nil {
		d.giveBack()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure, d.failed = err, time.Time{}
	if err != nil {
		d.failed = time.Now()
		d.log.Error("the configuration was not reloaded: the last good one stays in use", "config", d.cfg.File, "error", err)
		return
	}
	d.loaded = time.Now()
	d.log.Info("configuration reloaded", "config", cfg.File, "vips", len(cfg.VIPs))
}

// unchangeable refuses what only a restart can change. The datapath goes on
// through one, so it costs nothing.
func (d *Director) unchangeable(cfg *config.Config) error {
	for _, c := range []struct {
		name     string
		was, now any
	}{
		{"control", d.cfg.Control, cfg.Control},
		{"metrics", d.cfg.Metrics, cfg.Metrics},
		{"state", d.cfg.State, cfg.State},
		{"connections", d.cfg.Connections, cfg.Connections},
		{"timeouts", d.cfg.Timeouts, cfg.Timeouts},
	} {
		if c.was != c.now {
			return fmt.Errorf("%s: %s changed from %v to %v, which needs a restart (connections survive it)", cfg.File, c.name, c.was, c.now)
		}
	}
	return nil
}

// replace takes cfg into use. VIPs that can be opened before anything else is
// touched are; on an error everything is as it was.
func (d *Director) replace(ctx context.Context, cfg *config.Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, oldVIPs, oldConsul := d.cfg, d.vips, d.consul
	d.consulChanged = !reflect.DeepEqual(old.Consul, cfg.Consul)
	if d.consulChanged {
		d.consul = nil
		if err := d.dialConsul(cfg); err != nil {
			d.consul = oldConsul
			return err
		}
	}
	d.cfg, d.vips = cfg, make(map[string]*vip)
	for _, conf := range cfg.VIPs {
		v, err := d.openVIP(ctx, conf, oldVIPs[conf.Name])
		if err != nil {
			d.restore(old, oldVIPs)
			d.consul = oldConsul
			return err
		}
		d.vips[conf.Name] = v
	}
	d.entitled = time.Time{}
	d.forgetBoots()
	for _, v := range oldVIPs {
		v.close()
	}
	d.attach()
	d.reroute()
	switch {
	case d.consulChanged:
		d.pair(ctx, d.pairing, sameConsul(old, cfg), func() {
			if oldConsul != nil {
				oldConsul.Close()
			}
		})
	case !reflect.DeepEqual(registered(old), registered(cfg)):
		d.pair(ctx, d.pairing, true, nil)
	}
	return nil
}

// sameConsul tells whether both configurations tell the same Consul.
func sameConsul(a, b *config.Config) bool {
	return a.Consul != nil && b.Consul != nil && a.Consul.Address == b.Consul.Address
}

// restore goes back to the configuration before.
func (d *Director) restore(cfg *config.Config, vips map[string]*vip) {
	for name, v := range d.vips {
		if o := vips[name]; o != nil && o.servers == nil {
			o.servers, o.spare = v.servers, v.spare // taken over: given back
			v.servers, v.spare = nil, nil
		}
		v.close()
	}
	d.cfg, d.vips = cfg, vips
	for _, v := range vips {
		if _, err := d.plane.PutService(service(v.conf, v.kind, cfg.SYN)); err != nil {
			d.log.Error("cannot go back to the configuration before", "vip", v.conf.Name, "error", err)
		}
		v.dirty = true
	}
}
