//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The three networks. The text after the prefix is the same in both families,
// so that 10.201.0.11 goes with fd00:201::11.
const (
	clientNet = 200
	serverNet = 201
	nameNet   = 202

	gateway  = 1
	clientID = 10
	serverID = 10 // and the number of the server
	nameID   = 2
	firstVIP = 100
)

func addr4(network, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(network), 0, byte(host)})
}

func addr6(network, host int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("fd00:%d::%d", network, host))
}

// VIP is the i-th address, from 0, that clients may connect to. Nobody has it
// until the director, or AddVIP, takes it.
func (l *Lab) VIP(i int) netip.Addr { return addr4(clientNet, firstVIP+i) }

// VIP6 is the same in IPv6.
func (l *Lab) VIP6(i int) netip.Addr { return addr6(clientNet, firstVIP+i) }

// AddVIP puts an address on the director's client side, as a director would.
// It may be there already.
func (l *Lab) AddVIP(vip netip.Addr) error {
	err := l.Director.AddAddr("d0", netip.PrefixFrom(vip, vip.BitLen()))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// DelVIP takes it away, if it is there.
func (l *Lab) DelVIP(vip netip.Addr) error {
	err := l.Director.DelAddr("d0", netip.PrefixFrom(vip, vip.BitLen()))
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return nil
	}
	return err
}

func (l *Lab) build() error {
	if err := l.mountBPF(); err != nil {
		return err
	}
	if err := l.makeNodes(); err != nil {
		return err
	}
	if err := l.bridge(); err != nil {
		return err
	}
	if err := l.cables(); err != nil {
		return err
	}
	if err := l.routes(); err != nil {
		return err
	}
	return l.waitUp()
}

func (l *Lab) mountBPF() error {
	if err := os.MkdirAll(l.BPF(), 0o755); err != nil {
		return fmt.Errorf("make the folder of the BPF file system: %w", err)
	}
	if err := unix.Mount("bpf", l.BPF(), "bpf", 0, "mode=0700"); err != nil {
		return fmt.Errorf("mount a BPF file system at %s: %w", l.BPF(), err)
	}
	return nil
}

// addNodes says which nodes there are.
func (l *Lab) addNodes() {
	l.Client = l.newNode("client", clientNet, clientID)
	l.Director = l.newNode("director", clientNet, gateway)
	l.NS = l.newNode("ns", nameNet, nameID)
	for i := 1; i <= l.options.Servers; i++ {
		n := l.newNode(fmt.Sprintf("s%d", i), serverNet, serverID+i)
		l.Servers = append(l.Servers, l.newServer(n, i))
	}
}

func (l *Lab) makeNodes() error {
	l.addNodes()
	for _, n := range l.Nodes() {
		if err := n.create(); err != nil {
			return err
		}
		if err := n.prepare(l.options); err != nil {
			return err
		}
	}
	return nil
}

// prepare sets a namespace's variables before it has links.
func (n *Node) prepare(o Options) error {
	for _, s := range sysctls {
		if s.node != "" && s.node != n.Name || s.v6 && o.NoIPv6 {
			continue
		}
		if err := n.Sysctl(s.name, s.value); err != nil && !(s.optional && errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return n.SetLink("lo", true)
}

// sysctls are set before there are links, which take over "default".
var sysctls = []struct {
	node, name, value string
	v6, optional      bool
}{
	// Addresses are usable at once: no duplicate address detection (RFC 4862).
	{name: "net.ipv6.conf.all.accept_dad", value: "0", v6: true},
	{name: "net.ipv6.conf.default.accept_dad", value: "0", v6: true},
	{name: "net.ipv6.conf.default.dad_transmits", value: "0", v6: true},
	{name: "net.ipv6.conf.default.accept_ra", value: "0", v6: true},
	{name: "net.ipv6.conf.default.router_solicitations", value: "0", v6: true},
	// Every packet gets its ICMP error, so that tests can count them.
	{name: "net.ipv4.icmp_ratelimit", value: "0"},
	{name: "net.ipv4.icmp_msgs_per_sec", value: "1000000", optional: true},
	{name: "net.ipv4.icmp_msgs_burst", value: "1000000", optional: true},
	{name: "net.ipv6.icmp.ratelimit", value: "0", v6: true},
	{node: "director", name: "net.ipv4.ip_forward", value: "1"},
	{node: "director", name: "net.ipv6.conf.all.forwarding", value: "1", v6: true},
	{node: "director", name: "net.ipv4.conf.all.rp_filter", value: "2"},
	{node: "director", name: "net.ipv4.conf.default.rp_filter", value: "2"},
	{node: "director", name: "net.ipv4.ping_group_range", value: "0 2147483647"}, // for ICMP probes
	// A client that stands for many.
	{node: "client", name: "net.ipv4.ip_local_port_range", value: "1024 65535"},
	{node: "client", name: "net.ipv4.tcp_tw_reuse", value: "1"},
}

// bridge makes the switch between the director and the servers.
func (l *Lab) bridge() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	// Without an address of its own a bridge changes it as ports come and go.
	attrs.HardwareAddr = net.HardwareAddr{0x02, 0xba, 0x11, 0xa5, 0x00, serverNet}
	if err := l.Director.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return fmt.Errorf("make bridge br0: %w", err)
	}
	return l.Director.configure("br0", serverNet, gateway, l.options)
}

// cables joins every node to the director.
func (l *Lab) cables() error {
	if err := l.cable("d0", l.Client, "c0"); err != nil {
		return err
	}
	if err := l.Director.configure("d0", clientNet, gateway, l.options); err != nil {
		return err
	}
	if err := l.Client.configure("c0", clientNet, clientID, l.options); err != nil {
		return err
	}
	if err := l.cable("n0", l.NS, "eth0"); err != nil {
		return err
	}
	if err := l.Director.configure("n0", nameNet, gateway, l.options); err != nil {
		return err
	}
	if err := l.NS.configure("eth0", nameNet, nameID, l.options); err != nil {
		return err
	}
	for _, s := range l.Servers {
		if err := l.plug(s); err != nil {
			return err
		}
	}
	return nil
}

// plug joins a server to the bridge.
func (l *Lab) plug(s *Server) error {
	if err := l.cable(s.port, s.Node, "eth0"); err != nil {
		return err
	}
	if err := l.Director.enslave(s.port, "br0"); err != nil {
		return err
	}
	if err := l.Director.SetLink(s.port, true); err != nil {
		return err
	}
	return s.configure("eth0", serverNet, serverID+s.Number, l.options)
}

// cable makes a veth pair, each end directly in its namespace.
func (l *Lab) cable(near string, n *Node, far string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = near
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: far, PeerNamespace: netlink.NsFd(n.ns)}
	if err := l.Director.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("make veth pair %s in director, %s in %s: %w", near, far, n.Name, err)
	}
	return nil
}

// routes: everyone goes through the director, and the director to the client,
// which stands for the rest of the world.
func (l *Lab) routes() error {
	for _, n := range l.Nodes() {
		network, host := n.network, gateway
		if n == l.Director {
			host = clientID
		}
		if err := n.addDefault(addr4(network, host)); err != nil {
			return err
		}
		if l.options.NoIPv6 {
			continue
		}
		if err := n.addDefault(addr6(network, host)); err != nil {
			return err
		}
	}
	return nil
}

// upLimit is how long links may take to come up. The kernel looks at carriers
// once a second when there are many changes (linkwatch).
const (
	upLimit = 10 * time.Second
	upPoll  = 5 * time.Millisecond
)

// waitUp waits for all links: a bridge drops what comes to a port before.
func (l *Lab) waitUp() error {
	for _, n := range l.Nodes() {
		if err := n.waitUp(""); err != nil {
			return err
		}
	}
	return nil
}

// waitUp waits for an interface, or for all.
func (n *Node) waitUp(ifname string) error {
	for deadline := time.Now().Add(upLimit); ; time.Sleep(upPoll) {
		down, err := n.linkDown(ifname)
		if err != nil || down == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %s is not up after %v", n.Name, down, upLimit)
		}
	}
}

// linkDown is the name of an interface that is not up, if any; of one, or of
// all.
func (n *Node) linkDown(ifname string) (string, error) {
	links, err := n.nl.LinkList()
	if err != nil {
		return "", fmt.Errorf("%s: list interfaces: %w", n.Name, err)
	}
	for _, l := range links {
		a := l.Attrs()
		if (ifname == "" || ifname == a.Name) && a.OperState != netlink.OperUp && a.Flags&net.FlagLoopback == 0 {
			return a.Name, nil
		}
	}
	return "", nil
}
