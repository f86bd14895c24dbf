package address

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/route/nstest"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// asked is a probe time for tests in which nobody answers.
const asked = 20 * time.Millisecond

var interfaces = []string{"d0", "br0"}

// pair is a director with the interfaces d0 and br0, and a client at both.
func pair(t *testing.T, o Options) (director, client *nstest.Space, owner *Owner) {
	t.Helper()
	director, client = nstest.New(t), nstest.New(t)
	nstest.Join(t, director, "d0", client, "c0")
	nstest.Join(t, director, "br0", client, "s0")
	director.Enter(t, func() {
		director.Address(t, "d0", "10.200.0.2/24", "fd00:200::2/64")
		director.Address(t, "br0", "10.201.0.1/24", "fd00:201::1/64")
		owner = open(t, o)
	})
	client.Enter(t, func() { client.Address(t, "c0", "10.200.0.1/24", "fd00:200::1/64") })
	return director, client, owner
}

func open(t *testing.T, o Options) *Owner {
	t.Helper()
	owner, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	return owner
}

func own(t *testing.T, o *Owner, addr string, interfaces ...string) Holding {
	t.Helper()
	h, err := o.Own(t.Context(), netip.MustParseAddr(addr), interfaces)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// held writes what the kernel has: "10.200.0.100 d0 ours".
func held(t *testing.T, o *Owner, addr string) string {
	t.Helper()
	v, err := o.look()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, h := range v.of(netip.MustParseAddr(addr)) {
		whose := " theirs"
		if h.Ours {
			whose = " ours"
		}
		all = append(all, h.Interface+whose)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestOwn(t *testing.T) {
	cases := []struct {
		name, addr string
		interfaces []string
		want       string
	}{
		{"in the first interface's subnet", "10.200.0.100", interfaces, "d0"},
		{"in another's subnet", "10.201.0.100", interfaces, "br0"},
		{"in no subnet", "192.0.2.100", interfaces, "d0"},
		{"IPv6, in the first interface's subnet", "fd00:200::100", interfaces, "d0"},
		{"IPv6, in another's subnet", "fd00:201::100", interfaces, "br0"},
		{"IPv6, in no subnet", "2001:db8::100", interfaces, "d0"},
		{"an interface that does not exist", "10.201.0.101", []string{"d9", "br0"}, "br0"},
		{"IPv4 within IPv6", "::ffff:10.200.0.101", interfaces, "d0"},
	}
	_, _, o := pair(t, Options{Probe: asked})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			addr := netip.MustParseAddr(c.addr).Unmap().String()
			h := own(t, o, c.addr, c.interfaces...)
			if h.Interface != c.want || !h.Taken || !h.Ours || h.Addr.String() != addr {
				t.Errorf("%+v, want it taken on %s", h, c.want)
			}
			if got := held(t, o, addr); got != c.want+" ours" {
				t.Errorf("the kernel has it on %q, want %s", got, c.want)
			}
			if again := own(t, o, c.addr, c.interfaces...); again.Taken || !again.Ours || again.Ifindex != h.Ifindex {
				t.Errorf("called again: %+v", again)
			}
			if err := o.Release(netip.MustParseAddr(c.addr)); err != nil {
				t.Fatal(err)
			}
			if got := held(t, o, addr); got != "" {
				t.Errorf("released, but still on %s", got)
			}
			if err := o.Release(netip.MustParseAddr(c.addr)); err != nil {
				t.Errorf("released twice: %v", err)
			}
		})
	}
}

func TestOwnAsTheKernelSeesIt(t *testing.T) {
	director, _, o := pair(t, Options{})
	for name, vip := range map[string]string{"IPv4": "10.200.0.100/32", "IPv6": "fd00:200::100/128"} {
		t.Run(name, func(t *testing.T) {
			want := netip.MustParsePrefix(vip)
			own(t, o, want.Addr().String(), interfaces...)
			director.Enter(t, func() {
				addrs, err := netlink.AddrList(director.Link(t, "d0"), netlink.FAMILY_ALL)
				if err != nil {
					t.Fatal(err)
				}
				at := slices.IndexFunc(addrs, func(a netlink.Addr) bool { return a.IPNet.String() == vip })
				if at < 0 {
					t.Fatalf("%v has no %s", addrs, vip)
				}
				flags := unix.IFA_F_NODAD | unix.IFA_F_DEPRECATED
				if want.Addr().Is6() && addrs[at].Flags&(flags|unix.IFA_F_TENTATIVE) != flags {
					t.Errorf("flags %#x, want usable at once, and deprecated", addrs[at].Flags)
				}
			})
		})
	}
}

// TestOwnLeavesTheirs: what the administrator has added is not ours to remove.
func TestOwnLeavesTheirs(t *testing.T) {
	for name, vip := range map[string]string{"IPv4": "10.200.0.100/32", "IPv6": "fd00:200::100/128", "IPv4 with its subnet": "10.200.0.100/24"} {
		t.Run(name, func(t *testing.T) {
			director, _, o := pair(t, Options{Probe: patience})
			addr := netip.MustParsePrefix(vip).Addr()
			director.Enter(t, func() { director.Address(t, "lo", vip) })
			if h := own(t, o, addr.String(), interfaces...); h.Ours || h.Taken || h.Interface != "lo" {
				t.Errorf("%+v, want it left on lo", h)
			}
			if err := o.Release(addr); err != nil {
				t.Fatal(err)
			}
			if got := held(t, o, addr.String()); got != "lo theirs" {
				t.Errorf("after Release it is on %q", got)
			}
		})
	}
}

func TestReleaseAfterRestart(t *testing.T) {
	director, _, o := pair(t, Options{})
	vips := []string{"10.200.0.100", "fd00:200::100"}
	for _, vip := range vips {
		own(t, o, vip, interfaces...)
	}
	o.Close()
	director.Enter(t, func() { o = open(t, Options{}) })
	all, err := o.Held()
	if err != nil || len(all) != 2 || all[0].Addr.String() != vips[0] || all[1].Addr.String() != vips[1] || all[0].Interface != "d0" {
		t.Fatalf("held after a restart: %+v, %v", all, err)
	}
	for _, vip := range vips {
		if h := own(t, o, vip, interfaces...); !h.Ours || h.Taken {
			t.Errorf("owned after a restart: %+v", h)
		}
		if err := o.Release(netip.MustParseAddr(vip)); err != nil {
			t.Fatal(err)
		}
		if got := held(t, o, vip); got != "" {
			t.Errorf("%s is still on %s", vip, got)
		}
	}
}

func TestOwnErrors(t *testing.T) {
	director, _, o := pair(t, Options{})
	director.Enter(t, func() {
		director.Bridge(t, "br1")
		director.Bridge(t, "br2")
		director.Set(t, "net/ipv6/conf/br2/disable_ipv6", "1")
		if err := netlink.LinkSetDown(director.Link(t, "br1")); err != nil {
			t.Fatal(err)
		}
	})
	cases := []struct{ name, addr, interfaces, want string }{
		{"the first interface is missing", "192.0.2.100", "d9 br0", "192.0.2.100 belongs on d9, which does not exist"},
		{"no interfaces", "192.0.2.100", "", "has no interface to go on"},
		{"the interface is down", "192.0.2.100", "br1", "belongs on br1, which is down: ip link set br1 up"},
		{"without IPv6", "2001:db8::100", "br2", "is net.ipv6.conf.br2.disable_ipv6 set?"},
		{"multicast", "224.0.0.1", "d0", "cannot be a VIP"},
		{"loopback", "127.0.0.1", "d0", "cannot be a VIP"},
		{"unspecified", "::", "d0", "cannot be a VIP"},
		{"broadcast", "255.255.255.255", "d0", "cannot be a VIP"},
		{"link-local", "fe80::1", "d0", "cannot be a VIP"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := o.Own(t.Context(), netip.MustParseAddr(c.addr), strings.Fields(c.interfaces))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if all, err := o.Held(); len(all) != 0 || err != nil {
		t.Errorf("held after errors: %+v, %v", all, err)
	}
}

// TestOwnFollowsInterfaces: an interface is deleted and comes back, and the
// list changes.
func TestOwnFollowsInterfaces(t *testing.T) {
	for name, vip := range map[string]string{"IPv4": "10.200.0.100", "IPv6": "fd00:200::100"} {
		t.Run(name, func(t *testing.T) {
			director, client, o := pair(t, Options{})
			own(t, o, vip, interfaces...)
			director.Enter(t, func() {
				if err := netlink.LinkDel(director.Link(t, "d0")); err != nil {
					t.Fatal(err)
				}
			})
			if _, err := o.Own(t.Context(), netip.MustParseAddr(vip), interfaces); err == nil {
				t.Errorf("owned on %q without d0", held(t, o, vip))
			}
			nstest.Join(t, director, "d0", client, "c0")
			if h := own(t, o, vip, interfaces...); !h.Taken || h.Interface != "d0" {
				t.Errorf("d0 has returned: %+v", h)
			}
			if h := own(t, o, vip, "br0"); !h.Taken || held(t, o, vip) != "br0 ours" {
				t.Errorf("d0 has left the list: %+v, and it is on %s", h, held(t, o, vip))
			}
			director.Enter(t, func() { director.Address(t, "d0", "10.200.0.2/24", "fd00:200::2/64") })
			if h := own(t, o, vip, "br0", "d0"); !h.Taken || held(t, o, vip) != "d0 ours" {
				t.Errorf("d0 has its subnet: %+v, and it is on %s", h, held(t, o, vip))
			}
		})
	}
}

func TestConflict(t *testing.T) {
	for name, vip := range map[string]string{"IPv4": "10.200.0.100/24", "IPv6": "fd00:200::100/64"} {
		t.Run(name, func(t *testing.T) {
			_, client, o := pair(t, Options{Probe: patience})
			var mac net.HardwareAddr
			client.Enter(t, func() {
				client.Address(t, "c0", vip)
				mac = client.Link(t, "c0").Attrs().HardwareAddr
			})
			addr := netip.MustParsePrefix(vip).Addr()
			_, err := o.Own(t.Context(), addr, interfaces)
			var conflict *ConflictError
			if !errors.As(err, &conflict) || conflict.MAC.String() != mac.String() || conflict.Interface != "d0" {
				t.Fatalf("%v, want a conflict with %s on d0", err, mac)
			}
			if got := held(t, o, addr.String()); got != "" {
				t.Errorf("added on %s nevertheless", got)
			}
		})
	}
}

// TestOldClaims: what was said on the link before the probe, and after an
// earlier one, does not count.
func TestOldClaims(t *testing.T) {
	for name, vip := range map[string]netip.Addr{"IPv4": vip4, "IPv6": vip6} {
		t.Run(name, func(t *testing.T) {
			director, client, o := pair(t, Options{Probe: asked})
			own(t, o, vip.String(), interfaces...)
			f, claimed := familyOf(vip), vip.Next()
			ear, _ := ears(t, director, "d0", f)
			mouth, at := ears(t, client, "c0", f)
			if err := mouth.send(at.Index, f.announce(at.HardwareAddr, claimed)[0]); err != nil {
				t.Fatal(err)
			}
			who, err := ear.answer(t.Context(), time.Now().Add(patience), func(frame []byte) (net.HardwareAddr, bool) {
				return f.owner(frame, claimed)
			})
			if err != nil || who == nil {
				t.Fatalf("claim not heard: %v, %v", who, err)
			}
			own(t, o, claimed.String(), interfaces...)
		})
	}
}

// ears opens a socket that hears all of a protocol at an interface.
func ears(t *testing.T, s *nstest.Space, name string, f family) (w *wire, link *netlink.LinkAttrs) {
	t.Helper()
	s.Enter(t, func() {
		var err error
		if w, err = openWire(); err != nil {
			t.Fatal(err)
		}
		link = s.Link(t, name).Attrs()
	})
	t.Cleanup(w.close)
	if err := w.listen(f.ethertype, link.Index, []bpf.Instruction{bpf.RetConstant{Val: 1 << 16}}); err != nil {
		t.Fatal(err)
	}
	return w, link
}

func TestProbeEndsWithItsContext(t *testing.T) {
	_, _, o := pair(t, Options{Probe: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(asked, cancel)
	if _, err := o.Own(ctx, vip4, interfaces); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it canceled", err)
	}
	if got := held(t, o, vip4.String()); got != "" {
		t.Errorf("added on %s nevertheless", got)
	}
}

// TestProbeIsRepeated counts what the neighbours are asked.
func TestProbeIsRepeated(t *testing.T) {
	for name, vip := range map[string]netip.Addr{"IPv4": vip4, "IPv6": vip6} {
		t.Run(name, func(t *testing.T) {
			director, client, o := pair(t, Options{Probe: asked})
			var from net.HardwareAddr
			director.Enter(t, func() { from = director.Link(t, "d0").Attrs().HardwareAddr })
			f := familyOf(vip)
			ear, _ := ears(t, client, "c0", f)
			own(t, o, vip.String(), interfaces...)
			heard := 0
			_, err := ear.answer(t.Context(), time.Now().Add(patience), func(frame []byte) (net.HardwareAddr, bool) {
				if bytes.Equal(frame, f.ask(from, vip)) {
					heard++
				}
				return from, bytes.Equal(frame, f.announce(from, vip)[0])
			})
			if err != nil || heard != asks {
				t.Errorf("asked %d times before the announcement, want %d: %v", heard, asks, err)
			}
		})
	}
}

// TestAnnounce: a neighbour that has another's address in its cache takes ours.
func TestAnnounce(t *testing.T) {
	for name, vip := range map[string]netip.Addr{"IPv4": vip4, "IPv6": vip6} {
		t.Run(name, func(t *testing.T) {
			director, client, o := pair(t, Options{})
			var ours net.HardwareAddr
			director.Enter(t, func() { ours = director.Link(t, "d0").Attrs().HardwareAddr })
			learns := func(what string, do func()) {
				t.Helper()
				client.Enter(t, func() { remember(t, client, vip, mac) })
				do()
				client.Enter(t, func() {
					for end := time.Now().Add(patience); known(t, client, vip) != ours.String(); time.Sleep(time.Millisecond) {
						if time.Now().After(end) {
							t.Fatalf("%s: %s is at %s for the client, want %s", what, vip, known(t, client, vip), ours)
						}
					}
				})
			}
			learns("when taken", func() { own(t, o, vip.String(), interfaces...) })
			learns("on request", func() {
				if err := o.Announce(vip); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// remember puts an address at another's into the neighbour cache, some time
// ago: Linux does not believe two claims within a second (locktime).
func remember(t *testing.T, s *nstest.Space, addr netip.Addr, mac net.HardwareAddr) {
	t.Helper()
	s.Set(t, "net/ipv4/neigh/c0/locktime", "0")
	err := netlink.NeighSet(&netlink.Neigh{
		LinkIndex: s.Link(t, "c0").Attrs().Index, IP: addr.AsSlice(), HardwareAddr: mac, State: unix.NUD_STALE,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func known(t *testing.T, s *nstest.Space, addr netip.Addr) string {
	t.Helper()
	all, err := netlink.NeighList(s.Link(t, "c0").Attrs().Index, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		if n.IP.Equal(addr.AsSlice()) {
			return n.HardwareAddr.String()
		}
	}
	return "nowhere"
}

func TestAnnounceWhatIsNotHeld(t *testing.T) {
	_, _, o := pair(t, Options{})
	if err := o.Announce(vip4); err == nil || !strings.Contains(err.Error(), "no interface has it") {
		t.Error(err)
	}
}

func TestOwnOnLoopback(t *testing.T) {
	_, _, o := pair(t, Options{Probe: patience})
	if h := own(t, o, "192.0.2.100", "lo"); h.Interface != "lo" || !h.Taken {
		t.Errorf("%+v, want it on lo, where nobody is asked or told", h)
	}
}
