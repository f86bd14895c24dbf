package probe

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// server is one server with what is known of each of its addresses.
type server struct {
	now       pool.Server // as it would be published now
	addresses []address
}

// newServer starts with what old, the same server in an earlier pool, knew;
// old may be nil. It copies what it keeps of s.
func newServer(s pool.Server, old *pool.Server, o Options) server {
	if old != nil && old.Port != s.Port {
		old = nil // another port is another thing to be alive
	}
	v := server{now: s}
	v.now.Addrs = slices.Clone(s.Addrs)
	v.now.Health, v.now.Reason, v.now.Since = pool.Unknown, "", time.Time{}
	v.now.Flip, v.now.Load = 0, pool.Load{}
	for _, ip := range s.Addrs {
		a := newAddress(Target{Addr: netip.AddrPortFrom(ip, s.Port), Host: s.Host, ID: s.ID}, o.Rise, o.Fall)
		if old != nil && slices.Contains(old.Addrs, ip) {
			a.restore(old, remaining(old.Flip, o.Every))
		}
		v.addresses = append(v.addresses, a)
	}
	v.compose(time.Time{}, o.Every)
	if old != nil && v.now.Health == old.Health {
		v.now.Since, v.now.Reason = old.Since, old.Reason
	}
	return v
}

// remaining is how many results in a row a change took when its shortest time
// was flip: all of them if that is unknown.
func remaining(flip, every time.Duration) int {
	if flip <= 0 {
		return math.MaxInt
	}
	return int((flip-1)/every) + 1
}

// known tells whether every address has been found up or down.
func (v *server) known() bool {
	return !slices.ContainsFunc(v.addresses, func(a address) bool { return !a.alive.Known() })
}

// compose makes the server out of its addresses. It is as well as the best of
// them and then shows only those that are alive, so that an IPv6 path which is
// down takes away nothing but the IPv6 addresses. With all of them down it
// shows all, for policies that then serve everybody.
func (v *server) compose(now time.Time, every time.Duration) {
	before := v.now.Health
	shown := v.alive()
	v.now.Health, v.now.Flip, v.now.Wavering, v.now.Load = pool.Unknown, 0, false, pool.Load{}
	for i, a := range shown {
		v.now.Health = worse(v.now.Health, a.health())
		if f := a.flip(every); i == 0 || f > 0 && (f < v.now.Flip || v.now.Flip == 0) {
			v.now.Flip = f
		}
		v.now.Wavering = v.now.Wavering || a.wavering()
		v.now.Load = higher(v.now.Load, a.load)
	}
	v.now.Reason = v.reason()
	if len(v.addresses) == 0 {
		v.now.Health, v.now.Reason = pool.Critical, "no address"
	}
	v.show(shown)
	if before != pool.Unknown && before != v.now.Health {
		v.now.Since = now
	}
}

// alive are the addresses to be shown.
func (v *server) alive() []*address {
	var alive, all []*address
	for i := range v.addresses {
		a := &v.addresses[i]
		all = append(all, a)
		if a.health().Alive() {
			alive = append(alive, a)
		}
	}
	if len(alive) == 0 {
		return all
	}
	return alive
}

// show puts the addresses into the server. Published pools share the slice, so
// it is replaced and never written to.
func (v *server) show(shown []*address) {
	if slices.EqualFunc(v.now.Addrs, shown, func(ip netip.Addr, a *address) bool { return ip == a.ip() }) {
		return
	}
	v.now.Addrs = make([]netip.Addr, len(shown))
	for i, a := range shown {
		v.now.Addrs[i] = a.ip()
	}
}

func (v *server) reason() string {
	var remarks []string
	for i := range v.addresses {
		if r := v.addresses[i].reason(); !slices.Contains(remarks, r) {
			remarks = append(remarks, r)
		}
	}
	return join(remarks...)
}

// worse orders the healths of addresses that are shown together: what is known
// beats what is not, and one that warns warns for the whole server.
func worse(h, g pool.Health) pool.Health { return max(h, g) }

// higher picks the higher load: its addresses are one server.
func higher(a, b pool.Load) pool.Load {
	if !b.Known() || a.Known() && a.Value > b.Value {
		return a
	}
	if a.Known() && a.Value == b.Value && a.At.After(b.At) {
		return a
	}
	return b
}
