package director

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/ballast-lb/ballast/director/announce"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/verdict"
)

// bootFile identifies the run of the kernel that the datapath lives in.
const bootFile = "/proc/sys/kernel/random/boot_id"

// pairing tells Consul of the VIPs, so that name servers answer with them.
type pairing struct {
	announcer *announce.Announcer // nil if there is nothing to tell
	next      atomic.Pointer[successor]
	stop      context.CancelFunc
	done      chan struct{}
}

// successor is what a pairing is ended for.
type successor struct {
	vips   []announce.VIP // that are told from then on
	consul bool           // to the same Consul
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

// pair begins to tell Consul what the configuration says. What was told before
// ends first, in its own time: nobody waits for Consul. Then ended is called,
// unless it is nil. d.mu is held.
func (d *Director) pair(ctx context.Context, old *pairing, sameConsul bool, ended func()) {
	vips := registered(d.cfg)
	p := &pairing{done: make(chan struct{})}
	if d.consul != nil && len(vips) > 0 {
		p.announcer = d.announcer(vips, p)
	}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	old.end(&successor{vips, sameConsul})
	d.pairing = p
	go func() {
		defer close(p.done)
		old.wait()
		if ended != nil {
			ended()
		}
		if p.announcer == nil {
			return
		}
		if err := p.announcer.Run(ctx); err != nil {
			d.log.Error("VIPs are not told to Consul any more", "error", err)
		}
	}()
}

// announcer is one for these VIPs, or nil if there can be none.
func (d *Director) announcer(vips []announce.VIP, p *pairing) *announce.Announcer {
	boot, _ := os.ReadFile(bootFile) // without it only the hint is missing
	a, err := announce.New(d.consul, vips, announce.Options{
		Boot: strings.TrimSpace(string(boot)), Log: d.log,
		Leave: func(name string) announce.Leave { return p.leave(vips, name) },
	})
	if err != nil {
		d.log.Error("VIPs cannot be registered in Consul", "error", err)
		return nil
	}
	return a
}

// leave keeps VIPs in Consul that the next announcer goes on with after a
// reload: those that are the same instance.
func (p *pairing) leave(vips []announce.VIP, name string) announce.Leave {
	next := p.next.Load()
	was := slices.IndexFunc(vips, func(v announce.VIP) bool { return v.Name == name })
	if next == nil || !next.consul || was < 0 {
		return announce.LeaveRemove
	}
	for _, v := range next.vips {
		if v.ID("") == vips[was].ID("") {
			return announce.LeaveKeep
		}
	}
	return announce.LeaveRemove
}

// end has the pairing come to its end, for next, or for good if that is nil.
func (p *pairing) end(next *successor) {
	if p != nil {
		p.next.Store(next)
		p.stop()
	}
}

// wait waits for the end.
func (p *pairing) wait() {
	if p != nil {
		<-p.done
	}
}

// untold is why Consul does not take what it is told of the VIP; empty if it
// does, or is told nothing. d.mu is held.
func (d *Director) untold(v *vip) string {
	if d.pairing == nil || d.pairing.announcer == nil {
		return ""
	}
	for _, s := range d.pairing.announcer.Status() {
		if s.VIP == v.conf.Name && s.Err != "" {
			return "not told to Consul: " + s.Err
		}
	}
	return ""
}

// announce tells how the VIP is.
func (d *Director) announce(v *vip) {
	if d.pairing == nil || d.pairing.announcer == nil || v.verdict == nil || errors.Is(v.address, errPending) {
		return // what an earlier run told goes on
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
