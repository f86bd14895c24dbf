// Package address owns VIPs: it puts them on an interface, makes sure that
// nobody else has them, and tells the neighbours where they are.
package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Protocol marks an address as ours in the kernel (IFA_PROTO, Linux 5.18), so
// that what owns it outlives the program: ip address show proto 186.
const Protocol = 0xba

// ConflictError says that another station has the address.
type ConflictError struct {
	Addr      netip.Addr
	MAC       net.HardwareAddr
	Interface string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is in use by %s on %s: a VIP must be nobody else's address", e.Addr, e.MAC, e.Interface)
}

// Options of an Owner.
type Options struct {
	// Probe is how long the neighbours may take to say that they have an
	// address, before it is added; 0: they are not asked.
	Probe time.Duration
}

// Holding is an address on an interface of this host.
type Holding struct {
	Addr      netip.Addr
	Interface string
	Ifindex   int
	Ours      bool // added by an Owner, perhaps in an earlier run
	Taken     bool // added by this call
}

// Owner adds and removes addresses. It belongs to the network namespace of the
// thread that called Open, and may be used by several goroutines; the calls
// take turns.
type Owner struct {
	mu     sync.Mutex
	probe  time.Duration
	links  *netlink.Handle
	kernel *kernel
	wire   *wire
}

// Open opens the sockets, for which it needs CAP_NET_RAW; afterwards
// CAP_NET_ADMIN is enough.
func Open(options Options) (_ *Owner, err error) {
	o := &Owner{probe: options.Probe}
	defer func() {
		if err != nil {
			o.Close()
		}
	}()
	if o.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if o.kernel, err = openKernel(); err != nil {
		return nil, err
	}
	o.wire, err = openWire()
	return o, err
}

// Close closes the sockets. Addresses stay.
func (o *Owner) Close() {
	if o.links != nil {
		o.links.Close()
	}
	if o.kernel != nil {
		o.kernel.close()
	}
	if o.wire != nil {
		o.wire.close()
	}
}

// Own sees to it that this host has an address. One that it has, on whichever
// interface, is left as it is; otherwise it goes as /32 or /128 on the
// interface of the list with the narrowest subnet around it, or on the first
// if none has, and is announced. If the list or the subnets have changed, an
// address of ours moves. IPv6 addresses are added deprecated, so that the host
// does not take them as source of its own connections (RFC 6724, 5, rule 3).
//
// Before that, the neighbours in the subnet are asked whether the address is
// theirs, which takes Options.Probe; a *ConflictError says that it is. An
// error beside a Holding that is Taken came after the address was added, and
// it may not be announced.
//
// Own may be called again at any time, and must be when interfaces have come
// or gone.
func (o *Owner) Own(ctx context.Context, addr netip.Addr, interfaces []string) (Holding, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	addr = addr.Unmap()
	if err := check(addr); err != nil {
		return Holding{}, err
	}
	v, err := o.look()
	if err != nil {
		return Holding{}, fmt.Errorf("own %s: %w", addr, err)
	}
	p, err := v.place(addr, interfaces)
	held := v.of(addr)
	if at := slices.IndexFunc(held, func(h Holding) bool { return !h.Ours || err == nil && h.Ifindex == p.link.Index }); at >= 0 {
		return held[at], nil
	}
	if err != nil {
		return Holding{}, err
	}
	if err := o.take(ctx, addr, p, len(held) == 0); err != nil {
		return Holding{}, err
	}
	h := Holding{Addr: addr, Interface: p.link.Name, Ifindex: p.link.Index, Ours: true, Taken: true}
	return h, errors.Join(o.announce(p.link, addr), o.remove(held)) // from where it was before
}

func check(a netip.Addr) error {
	everybody := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() || a == everybody {
		return fmt.Errorf("%v cannot be a VIP: it is no unicast address that clients could route to", a)
	}
	return nil
}

// take adds an address, if nobody else has it.
func (o *Owner) take(ctx context.Context, addr netip.Addr, p place, ask bool) error {
	if p.link.Flags&net.FlagUp == 0 {
		return fmt.Errorf("%s belongs on %s, which is down: ip link set %[2]s up", addr, p.link.Name)
	}
	if ask && p.onLink && o.probe > 0 && speaks(p.link) {
		if err := o.wire.probe(ctx, p.link, addr, o.probe); err != nil {
			return err
		}
	}
	if err := o.kernel.add(addr, p.link.Index); err != nil {
		return fmt.Errorf("add %s to %s: %w%s", addr, p.link.Name, err, remedy(addr, p.link.Name, err))
	}
	return nil
}

func remedy(addr netip.Addr, name string, err error) string {
	switch {
	case addr.Is6() && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP)):
		return fmt.Sprintf(" (is net.ipv6.conf.%s.disable_ipv6 set?)", name)
	case errors.Is(err, unix.EPERM):
		return " (needs CAP_NET_ADMIN)"
	}
	return ""
}

// Announce tells the neighbours again where an address of this host is: by
// ARP, or by an unsolicited neighbour advertisement. RFC 5227, 2.3 and RFC
// 4861, 7.2.6 advise to repeat it once or twice, some seconds later.
func (o *Owner) Announce(addr netip.Addr) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	addr = addr.Unmap()
	v, err := o.look()
	if err != nil {
		return fmt.Errorf("announce %s: %w", addr, err)
	}
	held := v.of(addr)
	if len(held) == 0 {
		return fmt.Errorf("announce %s: no interface has it", addr)
	}
	for _, h := range held {
		err = errors.Join(err, o.announce(v.links[h.Ifindex], addr))
	}
	return err
}

func (o *Owner) announce(link *netlink.LinkAttrs, addr netip.Addr) error {
	if !speaks(link) {
		return nil
	}
	for _, frame := range familyOf(addr).announce(link.HardwareAddr, addr) {
		if err := o.wire.send(link.Index, frame); err != nil {
			return fmt.Errorf("announce %s on %s: %w", addr, link.Name, err)
		}
	}
	return nil
}

// Release removes an address if an Owner has added it, and does nothing
// otherwise.
func (o *Owner) Release(addr netip.Addr) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	addr = addr.Unmap()
	v, err := o.look()
	if err != nil {
		return fmt.Errorf("release %s: %w", addr, err)
	}
	return o.remove(slices.DeleteFunc(v.of(addr), func(h Holding) bool { return !h.Ours }))
}

func (o *Owner) remove(held []Holding) (err error) {
	for _, h := range held {
		if failed := o.kernel.remove(h.Addr, h.Ifindex); failed != nil {
			err = errors.Join(err, fmt.Errorf("remove %s from %s: %w", h.Addr, h.Interface, failed))
		}
	}
	return err
}

// Held returns the addresses that Owners have added, by address.
func (o *Owner) Held() ([]Holding, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v, err := o.look()
	if err != nil {
		return nil, fmt.Errorf("own addresses: %w", err)
	}
	var held []Holding
	for _, e := range v.entries {
		if e.proto == Protocol {
			held = append(held, v.holding(e))
		}
	}
	slices.SortFunc(held, func(a, b Holding) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		return strings.Compare(a.Interface, b.Interface)
	})
	return held, nil
}

// speaks says whether ARP and neighbour discovery work on a link.
func speaks(link *netlink.LinkAttrs) bool {
	return len(link.HardwareAddr) == 6 && link.RawFlags&(unix.IFF_LOOPBACK|unix.IFF_NOARP) == 0
}
