package director

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/director/announce"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/verdict"
)

// bootID identifies the run of the kernel that the datapath lives in.
const bootID = "/proc/sys/kernel/random/boot_id"

// pairing tells Consul of the VIPs, so that name servers answer with them.
type pairing struct {
	announcer *announce.Announcer
	stop      context.CancelFunc
	done      chan struct{}
}

// registered are the VIPs that go to Consul.
func registered(cfg *config.Config) []announce.VIP {
	var vips []announce.VIP
	for _, v := range cfg.VIPs {
		if cfg.Consul == nil || !v.Register {
			continue
		}
		vip := announce.VIP{Name: v.Name, Service: v.Name, Address: v.Address, Ports: v.Ports}
		if v.Service != nil {
			vip.Service = v.Service.Service
		}
		vips = append(vips, vip)
	}
	return vips
}

// pair begins to tell Consul. d.mu is held.
func (d *Director) pair(ctx context.Context) {
	d.pairing = nil
	vips := registered(d.cfg)
	if d.consul == nil || len(vips) == 0 {
		return
	}
	boot, _ := os.ReadFile(bootID) // without it only the hint is missing
	a, err := announce.New(d.consul, vips, announce.Options{
		Boot: strings.TrimSpace(string(boot)), Log: d.log,
		Leave: func(name string) announce.Leave { return d.leave(vips, name) },
	})
	if err != nil {
		d.log.Error("VIPs cannot be registered in Consul", "error", err)
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &pairing{announcer: a, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		if err := a.Run(ctx); err != nil {
			d.log.Error("VIPs are not told to Consul any more", "error", err)
		}
	}()
	d.pairing = p
}

// leave keeps VIPs in Consul that the next announcer goes on with after a
// reload: those that are the same instance. It is asked while d.mu is held by
// whoever ends the announcer of vips.
func (d *Director) leave(vips []announce.VIP, name string) announce.Leave {
	if d.ending.Load() {
		return announce.LeaveRemove
	}
	was := slices.IndexFunc(vips, func(v announce.VIP) bool { return v.Name == name })
	for _, v := range registered(d.cfg) {
		if was >= 0 && v.ID("") == vips[was].ID("") {
			return announce.LeaveKeep
		}
	}
	return announce.LeaveRemove
}

// untold is why Consul does not take what it is told of the VIP; empty if it
// does, or is told nothing. d.mu is held.
func (d *Director) untold(v *vip) string {
	if d.pairing == nil {
		return ""
	}
	for _, s := range d.pairing.announcer.Status() {
		if s.VIP == v.conf.Name && s.Err != "" {
			return "not told to Consul: " + s.Err
		}
	}
	return ""
}

func (p *pairing) end() {
	if p == nil {
		return
	}
	p.stop()
	<-p.done
}

// announce tells how the VIP is.
func (d *Director) announce(v *vip) {
	if d.pairing == nil || v.verdict == nil {
		return
	}
	s := announce.State{
		Capacity: v.verdict.Alive, Load: v.verdict.Load, LoadKnown: v.verdict.LoadKnown,
		Quorum:   (v.verdict.Quorum || v.verdict.Fallback) && v.address == nil && v.trouble == nil,
		Degraded: v.verdict.Fallback,
	}
	for _, r := range v.reals {
		t := d.plane.Tally(r.id)
		s.Connections += int(t.Active)
	}
	if reachable := d.reachable(v); s.Quorum && !reachable {
		s.Quorum, s.Reason = false, "no server can be reached"
	}
	if err := cmp.Or(v.address, v.trouble); err != nil {
		s.Reason = err.Error()
	}
	if !s.Quorum || s.Degraded { // of one that is well the numbers are no news, and soon old ones
		s.Reason = cmp.Or(s.Reason, v.verdict.Reason)
	}
	d.pairing.announcer.Set(v.conf.Name, s)
}

// reachable tells whether there is a way to some server that serves.
func (d *Director) reachable(v *vip) bool {
	for _, s := range v.verdict.Servers {
		if r := v.reals[s.ID]; r != nil && s.State == verdict.Up && r.way.Err == nil {
			return true
		}
	}
	return false
}
