package policy

import (
	"encoding/binary"
	"math"
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
	p.tables[q.Family].rendezvous(&c, p.hashes, key)
	if q.Stable {
		slices.Sort(c.Members[:c.N])
	}
	return c
}

// rendezvous fills c with the n members of the smallest score e/share, where e
// is exponentially distributed by the hash of key and server: the smallest of
// such is any member with a probability of its share, and a member's change
// moves only the keys that it gains or loses.
func (t *table) rendezvous(c *Choice, hashes []uint64, key uint64) {
	var scores [MaxAnswers]float64
	for i, m := range t.members {
		u := float64(mix(key^hashes[m])>>11+1) * 0x1p-53 // in (0, 1]
		inverse := t.inverse[i]
		// -ln u is at least 1-u: most members need no logarithm.
		if c.N == t.n && (1-u)*inverse >= scores[t.n-1] {
			continue
		}
		score := -math.Log(u) * inverse
		if c.N < t.n {
			c.N++
		} else if score >= scores[t.n-1] {
			continue
		}
		at := c.N - 1
		for ; at > 0 && scores[at-1] > score; at-- {
			scores[at], c.Members[at] = scores[at-1], c.Members[at-1]
		}
		scores[at], c.Members[at] = score, m
	}
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
