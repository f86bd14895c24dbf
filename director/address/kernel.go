package address

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ifaProto is IFA_PROTO of linux/if_addr.h. The netlink package's own Addr
// does not carry it, hence the messages made here.
const ifaProto = 11

// forever is INFINITY_LIFE_TIME of net/addrconf.h, in seconds.
const forever = 0xffffffff

// kernel speaks rtnetlink about addresses.
type kernel struct {
	socket *nl.NetlinkSocket
	shared map[int]*nl.SocketHandle
}

func openKernel() (*kernel, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE) // to no group
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	return &kernel{socket, map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}}, nil
}

func (k *kernel) close() { k.socket.Close() }

func (k *kernel) request(kind, flags int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = k.shared
	return r
}

// list returns all addresses. A dump that was interrupted by a change may lack
// some, and is taken again.
func (k *kernel) list() ([]entry, error) {
	var messages [][]byte
	var err error
	for range 5 {
		r := k.request(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		r.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
		if messages, err = r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR); !errors.Is(err, nl.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(messages))
	for _, m := range messages {
		e, err := parse(m)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// parse reads an address message. IFA_LOCAL is the address, and IFA_ADDRESS
// what the prefix belongs to: the peer's on point-to-point links. IPv6 has
// IFA_LOCAL only there.
func parse(m []byte) (entry, error) {
	if len(m) < unix.SizeofIfAddrmsg {
		return entry{}, fmt.Errorf("address message of %d bytes", len(m))
	}
	head := nl.DeserializeIfAddrmsg(m)
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return entry{}, fmt.Errorf("address message: %w", err)
	}
	e := entry{index: int(head.Index)}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFA_LOCAL:
			e.addr, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_ADDRESS:
			other, _ := netip.AddrFromSlice(a.Value)
			e.subnet = netip.PrefixFrom(other, int(head.Prefixlen))
		case ifaProto:
			e.proto = a.Value[0]
		}
	}
	if !e.addr.IsValid() {
		e.addr = e.subnet.Addr()
	}
	return e, nil
}

func (k *kernel) add(addr netip.Addr, index int) error {
	r := k.request(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	describe(r, addr, index)
	r.AddData(nl.NewRtAttr(ifaProto, nl.Uint8Attr(Protocol)))
	if addr.Is6() {
		r.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NODAD)))
		life := &nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Valid: forever}} // preferred for 0 s
		r.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, life.Serialize()))
	}
	_, err := r.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// remove is content if the address, or its interface, has gone already.
func (k *kernel) remove(addr netip.Addr, index int) error {
	r := k.request(unix.RTM_DELADDR, unix.NLM_F_ACK)
	describe(r, addr, index)
	_, err := r.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// describe names the address alone, without a subnet.
func describe(r *nl.NetlinkRequest, addr netip.Addr, index int) {
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	m := nl.NewIfAddrmsg(family)
	m.Index, m.Prefixlen = uint32(index), uint8(addr.BitLen())
	r.AddData(m)
	r.AddData(nl.NewRtAttr(unix.IFA_LOCAL, addr.AsSlice()))
	r.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, addr.AsSlice()))
}
