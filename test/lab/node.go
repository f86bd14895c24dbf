//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Node is one network namespace. Its methods are safe for concurrent use until
// the lab is closed.
type Node struct {
	Name      string // in the lab: client, director, ns, s1 ...
	Namespace string // below /run/netns, as ip-netns(8) knows it
	Addr      netip.Addr
	Addr6     netip.Addr // invalid in a lab without IPv6

	lab     *Lab
	network int
	ns      netns.NsHandle
	nl      *netlink.Handle
}

func (l *Lab) newNode(name string, network, host int) *Node {
	n := &Node{
		Name: name, Namespace: l.options.Prefix + name,
		Addr: addr4(network, host),
		lab:  l, network: network, ns: netns.None(),
	}
	if !l.options.NoIPv6 {
		n.Addr6 = addr6(network, host)
	}
	return n
}

// Here is the namespace that the process was started in, for test servers
// that run in one of their own.
func Here(name string) *Node { return &Node{Name: name, ns: netns.None()} }

// HostPort is the node's IPv4 address with a port, for Dial.
func (n *Node) HostPort(port int) string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(port))
}

// HostPort6 is its IPv6 address with a port.
func (n *Node) HostPort6(port int) string {
	return net.JoinHostPort(n.Addr6.String(), strconv.Itoa(port))
}

// create makes the namespace.
func (n *Node) create() error {
	err := outside(func() (err error) {
		n.ns, err = netns.NewNamed(n.Namespace)
		return err
	})
	if err != nil {
		return fmt.Errorf("make namespace %s: %w", n.Namespace, err)
	}
	return n.connect()
}

// open finds a namespace that is there.
func (n *Node) open() (err error) {
	if n.ns, err = netns.GetFromName(n.Namespace); err != nil {
		return fmt.Errorf("open namespace %s: %w", n.Namespace, err)
	}
	return n.connect()
}

func (n *Node) connect() (err error) {
	if n.nl, err = netlink.NewHandleAt(n.ns, unix.NETLINK_ROUTE); err != nil {
		n.release()
		return fmt.Errorf("netlink in namespace %s: %w", n.Namespace, err)
	}
	return nil
}

func (n *Node) release() {
	if n.nl != nil {
		n.nl.Close()
		n.nl = nil
	}
	if n.ns.IsOpen() {
		_ = n.ns.Close() // it was only looked at
	}
}

// outside runs f, which may change the thread's namespace, and goes back.
func outside(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("find the present namespace: %w", err)
	}
	defer func() {
		if back := netns.Set(home); back != nil {
			// The thread stays locked: it ends with its goroutine, and no
			// other goroutine comes to run in the wrong namespace.
			err = errors.Join(err, fmt.Errorf("go back to the namespace before: %w", back))
		} else {
			runtime.UnlockOSThread()
		}
		err = errors.Join(err, home.Close())
	}()
	return f()
}

// Do runs f in the namespace, on the calling goroutine. The sockets and
// processes that f makes stay there; goroutines that it starts do not run
// there, but may use these sockets. It may be nested.
func (n *Node) Do(f func() error) error {
	if n.lab == nil {
		return f()
	}
	return outside(func() error {
		if err := netns.Set(n.ns); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Namespace, err)
		}
		return f()
	})
}

// Sysctl sets a variable by its dotted name.
func (n *Node) Sysctl(name, value string) error {
	// sysctl(8): a slash in a name stands for a dot, as in eth0.1.
	path := "/proc/sys/" + strings.NewReplacer(".", "/", "/", ".").Replace(name)
	err := n.Do(func() error { return os.WriteFile(path, []byte(value), 0) })
	if err != nil {
		return fmt.Errorf("set %s to %q in %s: %w", name, value, n.Name, err)
	}
	return nil
}

// link does something to an interface.
func (n *Node) link(ifname, what string, f func(netlink.Link) error) error {
	link, err := n.nl.LinkByName(ifname)
	if err == nil {
		err = f(link)
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w", n.Name, what, ifname, err)
	}
	return nil
}

// SetLink takes an interface up or down. Taking it down loses its IPv6
// addresses and its routes: for faults use Server.Vanish.
func (n *Node) SetLink(ifname string, up bool) error {
	if up {
		return n.link(ifname, "set up", n.nl.LinkSetUp)
	}
	return n.link(ifname, "set down", n.nl.LinkSetDown)
}

// SetMTU sets the MTU of an interface, in bytes.
func (n *Node) SetMTU(ifname string, mtu int) error {
	return n.link(ifname, "set the MTU of", func(l netlink.Link) error { return n.nl.LinkSetMTU(l, mtu) })
}

// HardwareAddr is the Ethernet address of an interface.
func (n *Node) HardwareAddr(ifname string) (mac net.HardwareAddr, err error) {
	err = n.link(ifname, "find the address of", func(l netlink.Link) error {
		mac = l.Attrs().HardwareAddr
		return nil
	})
	return mac, err
}

// AddAddr gives an interface an address, usable at once.
func (n *Node) AddAddr(ifname string, prefix netip.Prefix) error {
	return n.link(ifname, "add address "+prefix.String()+" to", func(l netlink.Link) error {
		return n.nl.AddrAdd(l, netlinkAddr(prefix))
	})
}

// DelAddr takes an address away.
func (n *Node) DelAddr(ifname string, prefix netip.Prefix) error {
	return n.link(ifname, "delete address "+prefix.String()+" of", func(l netlink.Link) error {
		return n.nl.AddrDel(l, netlinkAddr(prefix))
	})
}

func netlinkAddr(p netip.Prefix) *netlink.Addr {
	a := &netlink.Addr{IPNet: &net.IPNet{
		IP:   p.Addr().AsSlice(),
		Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
	}}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

func (n *Node) enslave(ifname, master string) error {
	return n.link(master, "add port "+ifname+" to", func(m netlink.Link) error {
		return n.link(ifname, "find", func(l netlink.Link) error { return n.nl.LinkSetMaster(l, m) })
	})
}

// configure gives an interface its addresses and takes it up.
func (n *Node) configure(ifname string, network, host int, o Options) error {
	if err := n.AddAddr(ifname, netip.PrefixFrom(addr4(network, host), 24)); err != nil {
		return err
	}
	if !o.NoIPv6 {
		if err := n.AddAddr(ifname, netip.PrefixFrom(addr6(network, host), 64)); err != nil {
			return err
		}
	}
	return n.SetLink(ifname, true)
}

func (n *Node) addDefault(via netip.Addr) error {
	if err := n.nl.RouteAdd(&netlink.Route{Gw: via.AsSlice()}); err != nil {
		return fmt.Errorf("%s: add default route via %s: %w", n.Name, via, err)
	}
	return nil
}
