// Package nstest makes network namespaces for tests. They have no name and
// end with the test.
package nstest

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/internal/skip"
)

// Space is a network namespace.
type Space struct {
	handle netns.NsHandle
}

// New makes a namespace whose loopback interface is up, and where IPv6
// addresses are used without the second of duplicate address detection.
// Without the right to, the test is skipped, or fails if CI=true.
func New(t testing.TB) *Space {
	t.Helper()
	runtime.LockOSThread()
	host, err := netns.Get()
	if err != nil {
		t.Fatalf("own network namespace: %v", err)
	}
	defer host.Close()
	handle, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		skip.UnlessCI(t, "a network namespace cannot be made (needs CAP_SYS_ADMIN): %v", err)
	}
	back(t, host)
	t.Cleanup(func() { handle.Close() })
	s := &Space{handle}
	s.Enter(t, func() {
		s.Set(t, "net/ipv6/conf/default/accept_dad", "0")
		s.Up(t, "lo")
	})
	return s
}

// Enter calls f in the namespace. Goroutines that f starts are not in it;
// sockets that f opens are, for as long as they live.
func (s *Space) Enter(t testing.TB, f func()) {
	t.Helper()
	runtime.LockOSThread()
	host, err := netns.Get()
	if err != nil {
		t.Fatalf("own network namespace: %v", err)
	}
	defer host.Close()
	if err := netns.Set(s.handle); err != nil {
		t.Fatalf("enter the network namespace: %v", err)
	}
	defer back(t, host)
	f()
}

// back returns the thread to its namespace. If it cannot, the thread stays
// locked and ends with its goroutine, so that nobody else runs on it.
func back(t testing.TB, host netns.NsHandle) {
	if err := netns.Set(host); err != nil {
		t.Errorf("leave the network namespace: %v", err)
		return
	}
	runtime.UnlockOSThread()
}

// Join connects two namespaces by a pair of interfaces of these names, sets
// them up and waits until both can carry packets.
func Join(t testing.TB, a *Space, nameA string, b *Space, nameB string) {
	t.Helper()
	a.Enter(t, func() {
		pair := &netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: nameA},
			PeerName:      nameB,
			PeerNamespace: netlink.NsFd(b.handle),
		}
		if err := netlink.LinkAdd(pair); err != nil {
			t.Fatalf("add the veth pair %s, %s: %v", nameA, nameB, err)
		}
		a.Up(t, nameA)
	})
	b.Enter(t, func() {
		b.Up(t, nameB)
		running(t, nameB)
	})
	a.Enter(t, func() { running(t, nameA) })
}

// running waits for the carrier.
func running(t testing.TB, name string) {
	t.Helper()
	await(t, name+" has no carrier", func() bool {
		link, err := netlink.LinkByName(name)
		return err == nil && link.Attrs().RawFlags&unix.IFF_RUNNING != 0
	})
}

// await waits for what the kernel does in a work queue.
func await(t testing.TB, otherwise string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise)
		}
	}
}

// Bridge adds a bridge and sets it up. It must be called within Enter.
func (s *Space) Bridge(t testing.TB, name string) {
	t.Helper()
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}); err != nil {
		t.Fatalf("add the bridge %s: %v", name, err)
	}
	s.Up(t, name)
}

// Up sets an interface up. It must be called within Enter, like all below.
func (s *Space) Up(t testing.TB, name string) {
	t.Helper()
	if err := netlink.LinkSetUp(s.Link(t, name)); err != nil {
		t.Fatalf("set %s up: %v", name, err)
	}
}

// Link returns an interface.
func (s *Space) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatalf("interface %s: %v", name, err)
	}
	return link
}

// Address gives an interface addresses like "192.0.2.1/24", usable at once.
func (s *Space) Address(t testing.TB, name string, addrs ...string) {
	t.Helper()
	link := s.Link(t, name)
	for _, a := range addrs {
		addr := &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix(a)), Flags: unix.IFA_F_NODAD}
		if err := netlink.AddrAdd(link, addr); err != nil {
			t.Fatalf("add %s to %s: %v", a, name, err)
		}
	}
	await(t, "addresses of "+name+" stay tentative", func() bool {
		all, err := netlink.AddrList(link, netlink.FAMILY_V6)
		return err == nil && !slices.ContainsFunc(all, func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 })
	})
}

// Route adds a route through a gateway, with a path MTU unless that is 0.
func (s *Space) Route(t testing.TB, to, via string, mtu int) {
	t.Helper()
	prefix, gateway := netip.MustParsePrefix(to), netip.MustParseAddr(via)
	r := &netlink.Route{Dst: ipNet(prefix), MTU: mtu}
	if gateway.Is4() == prefix.Addr().Is4() {
		r.Gw = gateway.AsSlice()
	} else {
		r.Via = &netlink.Via{AddrFamily: unix.AF_INET6, Addr: gateway.AsSlice()}
	}
	if err := netlink.RouteReplace(r); err != nil {
		t.Fatalf("route %s via %s: %v", to, via, err)
	}
}

// Set writes a value below /proc/sys.
func (s *Space) Set(t testing.TB, key, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/"+key, []byte(value), 0); err != nil {
		t.Fatalf("set %s to %s: %v", key, value, err)
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
