package ballast

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// clientSubnet returns the query's EDNS client subnet option (RFC 7871), or nil.
func clientSubnet(r *dns.Msg) *dns.EDNS0_SUBNET {
	if opt := r.IsEdns0(); opt != nil {
		return subnetOf(opt)
	}
	return nil
}

func subnetOf(opt *dns.OPT) *dns.EDNS0_SUBNET {
	for _, o := range opt.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			return subnet
		}
	}
	return nil
}

// subnetPrefix reads the option's prefix. ok is false if RFC 7871 section 6
// forbids it: bits beyond the prefix must be 0.
func subnetPrefix(o *dns.EDNS0_SUBNET) (prefix netip.Prefix, ok bool) {
	if o.Family == 0 { // "no address", as a resolver that keeps it private says
		return netip.Prefix{}, o.SourceNetmask == 0
	}
	addr, ok := netip.AddrFromSlice(o.Address)
	if !ok {
		return netip.Prefix{}, false
	}
	if o.Family == 1 {
		addr = addr.Unmap()
	}
	prefix = netip.PrefixFrom(addr, int(o.SourceNetmask))
	return prefix, prefix.IsValid() && prefix.Masked() == prefix
}

// subnetMalformed tells that the query must be refused with FORMERR: also if it
// has two subnets, as an answer can be for one only.
func subnetMalformed(opt *dns.OPT) bool {
	seen := false
	for _, option := range opt.Option {
		o, is := option.(*dns.EDNS0_SUBNET)
		if !is {
			continue
		}
		// The scope is the answer's to say.
		if _, ok := subnetPrefix(o); !ok || seen || o.SourceScope != 0 {
			return true
		}
		seen = true
	}
	return false
}

// resolverKey is whom the answer goes to: the client subnet if one is sent,
// else the resolver's address.
func resolverKey(w dns.ResponseWriter, r *dns.Msg) netip.Prefix {
	if o := clientSubnet(r); o != nil && o.SourceNetmask > 0 {
		if prefix, ok := subnetPrefix(o); ok {
			return prefix
		}
	}
	addr := remoteAddr(w)
	return netip.PrefixFrom(addr, addr.BitLen())
}

func remoteAddr(w dns.ResponseWriter) netip.Addr {
	remote := w.RemoteAddr()
	if wrapped, ok := remote.(interface{ Unwrap() net.Addr }); ok { // the proxyproto plugin's
		remote = wrapped.Unwrap()
	}
	switch a := remote.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// setScope says in the query's own client subnet option, which CoreDNS puts
// into the reply, for whom else the answer holds. An answer for everybody has
// scope 0, as every query has.
func setScope(r *dns.Msg, scope int) {
	opt := r.IsEdns0()
	if opt == nil {
		return
	}
	for i, o := range opt.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok && subnet.SourceNetmask > 0 {
			reply := *subnet
			reply.SourceScope = uint8(min(scope, int(subnet.SourceNetmask)))
			opt.Option[i] = &reply
		}
	}
}
