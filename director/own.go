package director

import (
	"context"
	"net/netip"
	"time"
)

// conflictProbe is how long neighbours may take to say that they have a VIP.
const conflictProbe = 200 * time.Millisecond

// ownBackoff is how long a VIP's address that could not be taken is left
// alone. Another interface, route or address tries at once.
const ownBackoff = 5 * time.Second

// own takes the VIP's address, or tells why it cannot be. The VIP is answered
// for all the same where its packets come in: they may be routed here. d.mu is
// held.
func (d *Director) own(v *vip) {
	if !v.conf.Announce {
		return
	}
	h, err := d.owner.Own(context.Background(), v.conf.Address, d.cfg.Interfaces)
	switch {
	case err != nil && (v.address == nil || v.address.Error() != err.Error()):
		d.log.Error("a VIP's address cannot be taken", "vip", v.conf.Name, "address", v.conf.Address, "error", err)
	case err == nil && h.Taken:
		d.log.Info("address taken", "vip", v.conf.Name, "address", v.conf.Address, "interface", h.Interface)
	}
	v.address = err
	v.owned = time.Now()
	if h.Taken {
		d.announceAgain(v.conf.Address)
	}
}

// announceAgain repeats an announcement, as RFC 5227 and RFC 4861 advise.
func (d *Director) announceAgain(addr netip.Addr) {
	d.repeats = append(d.repeats, repeat{addr, time.Now().Add(2 * time.Second)})
}

// repeat is an announcement to be made again.
type repeat struct {
	addr netip.Addr
	at   time.Time
}

// addresses takes what could not be taken before, repeats announcements, and
// gives back addresses that no VIP has any more. d.mu is held.
func (d *Director) addresses(now time.Time) {
	for _, v := range d.vips {
		if v.verdict != nil && v.address != nil && now.Sub(v.owned) > ownBackoff {
			d.own(v)
		}
	}
	for len(d.repeats) > 0 && now.After(d.repeats[0].at) {
		if err := d.owner.Announce(d.repeats[0].addr); err != nil {
			d.log.Warn("cannot announce a VIP again", "address", d.repeats[0].addr, "error", err)
		}
		d.repeats = d.repeats[1:]
	}
}

// disown gives back addresses that no VIP has any more.
func (d *Director) disown() {
	held, err := d.owner.Held()
	if err != nil {
		d.log.Warn("cannot list the addresses of this host", "error", err)
		return
	}
	wanted := make(map[netip.Addr]bool)
	for _, conf := range d.cfg.VIPs {
		wanted[conf.Address] = wanted[conf.Address] || conf.Announce // several VIPs may share it
	}
	for _, h := range held {
		if wanted[h.Addr] {
			continue
		}
		if err := d.owner.Release(h.Addr); err != nil {
			d.log.Warn("cannot give back an address", "address", h.Addr, "error", err)
			continue
		}
		d.log.Info("address given back", "address", h.Addr, "interface", h.Interface)
	}
}
