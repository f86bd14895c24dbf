package director

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/address"
	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
)

const (
	// conflictProbe is how long neighbours may take to say that they have a VIP.
	conflictProbe = 200 * time.Millisecond
	// ownBackoff is how long an address that could not be taken is left alone.
	// Another interface, route or address tries at once.
	ownBackoff = 5 * time.Second
	// repeatAfter is after how long an announcement is made again, as RFC 5227
	// and RFC 4861 advise.
	repeatAfter = 2 * time.Second
	// ownEvery is how often is looked for what has come due.
	ownEvery = time.Second
)

// errPending is of an address that was not tried yet.
var errPending = errors.New("its address is about to be taken")

// claim is an address that VIPs want or wanted. The director's mutex guards it.
type claim struct {
	err    error     // why it is not ours
	at     string    // the interface that has it; empty if that is not known
	due    bool      // to be tried at once
	tried  time.Time // when last
	repeat time.Time // when to announce it again; zero for never
}

// own has the VIP's address taken. The VIP is answered for all the same where
// its packets come in: they may be routed here. d.mu is held.
func (d *Director) own(v *vip) {
	if !v.conf.Announce {
		v.address = nil
		return
	}
	c := d.claims[v.conf.Address]
	if c == nil {
		c = &claim{err: errPending}
		d.claims[v.conf.Address] = c
		d.unsaved = true
	}
	c.due = true
	v.address = c.err
	wake(d.owning)
}

// keepAddresses takes the VIPs' addresses, and gives back those that no VIP has
// any more. It waits for neighbours, so nobody waits for it.
func (d *Director) keepAddresses(ctx context.Context) error {
	ticker := time.NewTicker(ownEvery)
	defer ticker.Stop()
	for {
		d.tend(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-d.owning:
		case <-ticker.C:
		}
	}
}

// tend does what is due.
func (d *Director) tend(ctx context.Context) {
	d.tending.Lock()
	defer d.tending.Unlock()
	for ctx.Err() == nil {
		addr, interfaces, ok := d.nextClaim(time.Now())
		if !ok {
			break
		}
		h, err := d.owner.Own(ctx, addr, interfaces)
		if ctx.Err() == nil {
			d.claimed(addr, h, err, time.Now())
		}
	}
	d.announceAgain(time.Now())
	d.disown()
}

// wanted tells which addresses are configured, and whether for this host's
// interfaces: one address may be that of several VIPs. d.mu is held.
func (d *Director) wanted() map[netip.Addr]bool {
	wanted := make(map[netip.Addr]bool)
	for _, conf := range d.cfg.VIPs {
		wanted[conf.Address] = wanted[conf.Address] || conf.Announce
	}
	return wanted
}

// nextClaim chooses an address to be tried, in the configuration's order.
func (d *Director) nextClaim(now time.Time) (netip.Addr, []string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conf := range d.cfg.VIPs {
		c := d.claims[conf.Address]
		if c == nil || !conf.Announce {
			continue
		}
		again := c.err != nil && !c.tried.IsZero() && now.Sub(c.tried) > ownBackoff
		if c.due || again {
			c.due, c.tried = false, now
			return conf.Address, d.cfg.Interfaces, true
		}
	}
	return netip.Addr{}, nil, false
}

// claimed notes what came of a try.
func (d *Director) claimed(addr netip.Addr, h address.Holding, err error, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.claims[addr]
	switch {
	case err != nil && (c.err == nil || c.err.Error() != err.Error()):
		d.log.Error("a VIP's address cannot be taken", "address", addr, "error", err)
	case err == nil && h.Taken:
		d.log.Info("address taken", "address", addr, "interface", h.Interface)
	}
	c.err, c.at = err, h.Interface
	if h.Taken {
		c.repeat = now.Add(repeatAfter)
	}
	for _, v := range d.vips {
		if v.conf.Address == addr && v.conf.Announce {
			v.address = err
		}
	}
}

// announceAgain repeats announcements that are due.
func (d *Director) announceAgain(now time.Time) {
	for _, addr := range d.repeats(now) {
		if err := d.owner.Announce(addr); err != nil {
			d.log.Warn("cannot announce a VIP again", "address", addr, "error", err)
		}
	}
}

func (d *Director) repeats(now time.Time) []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	var due []netip.Addr
	for addr, c := range d.claims {
		if !c.repeat.IsZero() && now.After(c.repeat) {
			c.repeat = time.Time{}
			due = append(due, addr)
		}
	}
	return due
}

// disown gives back addresses that no VIP has any more: when the connections to
// them are over, for the neighbours would not find them without.
func (d *Director) disown() {
	unwanted := d.unwanted()
	maps.DeleteFunc(unwanted, func(addr netip.Addr, configured bool) bool { return configured && d.release(addr) })
	if len(unwanted) == 0 {
		return
	}
	used := d.used(slices.Collect(maps.Keys(unwanted)))
	for addr := range unwanted {
		if !used[addr] {
			d.release(addr)
		}
	}
}

// walkable is how many entries of the table may be gone through while the
// verdicts wait.
const walkable = 1 << 16

// giveBack gives back at once what a reload made unwanted, unless that takes
// long: then it is left to keepAddresses.
func (d *Director) giveBack() {
	if d.plane.Gauge().Fresh > walkable || !d.tending.TryLock() {
		wake(d.owning)
		return
	}
	defer d.tending.Unlock()
	d.disown()
}

// unwanted are the addresses to be given back, with whether they are still
// configured, without announcement: then that is not to wait for anything.
func (d *Director) unwanted() map[netip.Addr]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted, unwanted := d.wanted(), make(map[netip.Addr]bool)
	for addr := range d.claims {
		if announced, configured := wanted[addr]; !announced {
			unwanted[addr] = configured
		}
	}
	return unwanted
}

// used tells to which of the addresses there are connections that are not
// closing.
func (d *Director) used(addrs []netip.Addr) map[netip.Addr]bool {
	used := make(map[netip.Addr]bool)
	d.plane.Conns(func(_ uint32, c bpf.Conn) bool {
		if !lingering[bpf.State(c.State)] {
			if addr := dataplane.Addr(c.Vip); slices.Contains(addrs, addr) {
				used[addr] = true
			}
		}
		return len(used) < len(addrs)
	})
	return used
}

// lingering are the states in which no more than last words are expected.
var lingering = map[bpf.State]bool{
	bpf.DirectorConnStateSTATE_TIME_WAIT: true,
	bpf.DirectorConnStateSTATE_CLOSE:     true,
	bpf.DirectorConnStateSTATE_MOVED:     true,
}

// release gives an address back, and tells whether that worked.
func (d *Director) release(addr netip.Addr) bool {
	if err := d.owner.Release(addr); err != nil {
		d.log.Warn("cannot give back an address", "address", addr, "error", err)
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log.Info("address given back", "address", addr, "interface", d.claims[addr].at)
	if announced := d.wanted()[addr]; announced { // anew, meanwhile
		d.claims[addr].due = true
		wake(d.owning)
		return true
	}
	delete(d.claims, addr)
	d.unsaved = true
	return true
}
