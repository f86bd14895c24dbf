package bpf_test

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
)

const stickyFor = 50_000 // ticks

// persist makes web stick to clients of a prefix, given for IPv6 and IPv4.
func (w *world) persist(bits6, bits4 uint8) {
	w.Helper()
	bits := bits6
	if w.vip.Is4() {
		bits = 96 + bits4
	}
	bpftest.Edit(w.TB, w.Services, web, func(s *bpf.Service) { s.Sticky, s.StickyBits = stickyFor, bits })
}

func (w *world) synFrom(a netip.Addr, cport, vport uint16) bpftest.Packet {
	p := w.syn(cport, vport)
	p.Src = netip.AddrPortFrom(a, cport)
	return p
}

// ageSticky makes all of persistence older.
func (w *world) ageSticky(ticks uint32) {
	w.Helper()
	var key bpf.AffinityKey
	var value bpf.Affinity
	it := w.Sticky.Iterate()
	for it.Next(&key, &value) {
		value.Seen -= ticks
		bpftest.Put(w.TB, w.Sticky, key, value)
	}
	if err := it.Err(); err != nil {
		w.Fatal(err)
	}
}

func TestPersistence(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.persist(128, 32)
		first := w.first(w.syn(40000, 80))
		for i := range uint16(5) {
			// Port 81 belongs to the same service: a group of ports.
			c := w.firstFor(w.syn(40001+i, 80+i%2), forwardSticky)
			if c.index != first.index {
				w.Errorf("connection %d to server %d, want %d", i, c.index, first.index)
			}
		}
		if c := w.first(w.synFrom(w.other, 40000, 80)); c.index == first.index {
			w.Errorf("another client to the same server of a round robin")
		}
		w.first(w.query(40000, 53)) // another service
	})
}

func TestPersistenceOfAPrefix(t *testing.T) {
	neighbours := map[string][3]string{ // in /24 or /64, in /16 or /48, beyond
		"IPv4": {"192.0.2.255", "192.0.3.1", "192.1.2.10"},
		"IPv6": {"2001:db8:1:0:ffff::1", "2001:db8:1:1::1", "2001:db8:2::10"},
	}
	for _, c := range []struct {
		name         string
		bits6, bits4 uint8
		sticky       [3]bool
	}{
		{"/128 or /32", 128, 32, [3]bool{}},
		{"/64 or /24", 64, 24, [3]bool{true, false, false}},
		{"/48 or /16", 48, 16, [3]bool{true, true, false}},
		{"/0", 0, 0, [3]bool{true, true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachFamily(t, shared.Use(t), func(w *world) {
				for i, neighbour := range neighbours[w.name] {
					w := newWorld(w.TB, w.Datapath, w.family)
					w.persist(c.bits6, c.bits4)
					w.first(w.syn(40000, 80))
					reason := forwardNew
					if c.sticky[i] {
						reason = forwardSticky
					}
					w.firstFor(w.synFrom(netip.MustParseAddr(neighbour), 40000, 80), reason)
				}
			})
		})
	}
}

// The timeout counts from the last connection, and its end is exclusive.
func TestPersistenceTimeout(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.persist(128, 32)
		w.first(w.syn(40000, 80))
		w.ageSticky(stickyFor - 10_000)
		w.firstFor(w.syn(40001, 80), forwardSticky)
		w.ageSticky(stickyFor - 10_000)
		w.firstFor(w.syn(40002, 80), forwardSticky)
		w.ageSticky(stickyFor)
		w.first(w.syn(40003, 80))
		w.firstFor(w.syn(40004, 80), forwardSticky)
	})
}

// A server that takes nothing new loses the clients that stick to it.
func TestPersistenceToAServerThatWentAway(t *testing.T) {
	for name, change := range map[string]func(*bpf.Real){
		"draining":      func(r *bpf.Real) { r.State = draining },
		"ejected":       func(r *bpf.Real) { r.State = ejected },
		"down":          func(r *bpf.Real) { r.State = down },
		"of weight 0":   func(r *bpf.Real) { r.Weight = 0 },
		"booted again":  func(r *bpf.Real) { r.Generation++ },
		"another's now": func(r *bpf.Real) { r.Service = dns },
	} {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, shared.Use(t), func(w *world) {
				w.persist(128, 32)
				gone := w.first(w.syn(40000, 80))
				w.edit(web, gone.index, change)
				c := w.first(w.syn(40001, 80))
				if c.index == gone.index && name != "booted again" {
					w.Errorf("sent to server %d again", c.index)
				}
				if again := w.firstFor(w.syn(40002, 80), forwardSticky); again.index != c.index {
					w.Errorf("sent to server %d, the client sticks to %d now", again.index, c.index)
				}
			})
		})
	}
}

// A client that was moved while opening sticks to where it got.
func TestPersistenceAfterARetry(t *testing.T) {
	eachFamily(t, shared.Use(t), func(w *world) {
		w.persist(128, 32)
		p := w.syn(40000, 80)
		c := w.first(p).refused(p).establish()
		if again := w.firstFor(w.syn(40001, 80), forwardSticky); again.index != c.index {
			w.Errorf("sent to server %d, want %d", again.index, c.index)
		}
	})
}
