package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// hash draws by weighted rendezvous hashing: the same resolver key gets the
// same members for as long as they last. See the package comment.
type hash struct{}

// Draw depends on q.Key alone. A query without a key, or with one of length 0,
// which says nothing of the client, is drawn at random as by weighted.
func (hash) Draw(p *Plan, q Query) Choice {
	key, scope := stickyKey(q.Key, p.Config.Sticky)
	if scope == 0 || q.Family >= Families {
		return weighted{}.Draw(p, q)
	}
	c := Choice{TTL: p.TTL, Keyed: true, Scope: scope}
	t := &p.tables[q.Family]
	t.rivals.draw(&c, t.members, t.n, key)
	if q.Stable {
		slices.Sort(c.Members[:c.N])
	}
	return c
}

// stickyKey hashes the leading bits of the key that matter, and counts them; 0
// if there are none.
func stickyKey(key netip.Prefix, sticky [2]int) (hash uint64, scope int) {
	if !key.IsValid() {
		return 0, 0
	}
	addr, length, most := key.Addr(), key.Bits(), sticky[1]
	if addr.Is4In6() && length >= 96 {
		addr, length = addr.Unmap(), length-96
	}
	if addr.Is4() {
		most = sticky[0]
	}
	scope = min(length, max(most, 0))
	masked, err := addr.Prefix(scope)
	if err != nil {
		return 0, 0
	}
	b := masked.Addr().As16()
	return hashPair(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), uint64(scope)), scope
}
