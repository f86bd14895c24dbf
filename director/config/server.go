package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

const serverForm = "ADDRESS[:PORT] [weight=N] [fallback]"

// address returns a usable address, or the zero one after it told why not.
func (v value) address() netip.Addr {
	text, ok := v.text("an IP address", "192.0.2.100")
	if !ok {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		v.wrong("is not an IP address", "write one such as 192.0.2.100 or 2001:db8::100, without port and mask")
		return netip.Addr{}
	}
	if v.mistaken(unusable(addr)) {
		return netip.Addr{}
	}
	return addr
}

func address(to *netip.Addr) func(value) {
	return func(v value) { *to = v.address() }
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// unusable tells why packets cannot be forwarded to or from an address.
func unusable(a netip.Addr) mistake {
	switch {
	case a.Is4In6():
		return mistake{"is an IPv4 address written as IPv6", "write " + a.Unmap().String()}
	case a.Zone() != "":
		return mistake{"has a zone", "use an address that is routed"}
	case a.IsUnspecified(), a.IsMulticast(), a == broadcast:
		return mistake{"is not the address of one host", "use a unicast address"}
	case a.IsLoopback():
		return mistake{"is a loopback address", "packets from elsewhere never get to it or from it: use an address of an interface"}
	case a.Is6() && a.IsLinkLocalUnicast():
		return mistake{"is a link-local address", "use an address that is routed"}
	}
	return mistake{}
}

func (v *vip) servers(s value) {
	items, ok := s.list("server", `["10.0.0.11", "10.0.0.12 weight=2"]`)
	if ok && len(items) == 0 {
		s.wrong("is empty", `name at least one server, or take them from Consul by service = "..."`)
	}
	v.addServers(s, items, false)
}

func (v *vip) fallback(s value) {
	items, ok := s.list("fallback server", `["10.0.0.99"]`)
	if ok && len(items) == 0 {
		s.wrong("is empty", "name at least one server, or leave the line out")
	}
	v.addServers(s, items, true)
}

// listed is a server of servers or fallback.
type listed struct {
	Server
	at       hcl.Range
	fallback bool
}

func (v *vip) addServers(s value, items []value, fallback bool) {
	if len(items) > MaxServers {
		s.wrong(fmt.Sprintf("has %d servers, more than %d", len(items), MaxServers), "make a second vip, and share clients by DNS")
		return
	}
	for _, item := range items {
		text, ok := item.text("a server", "10.0.0.11")
		l, m := parseServer(text)
		if !ok || item.mistaken(m) {
			v.unread = true
			continue
		}
		l.at, l.fallback = item.expr.Range(), l.fallback || fallback
		l.Line = v.d.line(l.at)
		v.listed = append(v.listed, l)
		if l.fallback {
			v.Fallback = append(v.Fallback, l.Server)
		} else {
			v.Servers = append(v.Servers, l.Server)
		}
	}
}

// parseServer reads a serverForm.
func parseServer(text string) (listed, mistake) {
	l := listed{Server: Server{Weight: 1}}
	words := strings.Fields(text)
	if len(words) == 0 {
		return l, mistake{"is empty", "write " + serverForm}
	}
	m := l.parseAddress(words[0])
	seen := map[string]bool{}
	for _, option := range words[1:] {
		key, number, _ := strings.Cut(option, "=")
		if m == (mistake{}) && seen[key] {
			m = mistake{"has " + quote(key) + " twice", "leave one of them out"}
		}
		if seen[key] = true; m == (mistake{}) {
			m = l.setOption(option, key, number)
		}
	}
	return l, m
}

func (l *listed) setOption(option, key, number string) mistake {
	switch {
	case option == "fallback":
		l.fallback = true
		return mistake{}
	case key == "weight":
		weight, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return mistake{"has an unclear weight", "write weight=N with N within 0 and 65535"}
		}
		l.Weight = int(weight)
		return mistake{}
	}
	remedy := "write " + serverForm
	if near := nearest(key, []string{"fallback", "weight"}); near != "" {
		remedy = fmt.Sprintf("did you mean %s? It is %s", quote(near), serverForm)
	}
	return mistake{"has the unknown option " + quote(option), remedy}
}

// parseAddress reads ADDRESS[:PORT]; an IPv6 address needs brackets before a
// port, and may have them without.
func (s *Server) parseAddress(text string) mistake {
	inner, bracketed := strings.CutPrefix(text, "[")
	if inner, closed := strings.CutSuffix(inner, "]"); bracketed && closed {
		text = inner
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var pair netip.AddrPort
		pair, err = netip.ParseAddrPort(text)
		if addr, s.Port = pair.Addr(), pair.Port(); s.Port == 0 && err == nil {
			return mistake{"has port 0", "name a port within 1 and 65535, or none to keep the client's"}
		}
	}
	if err != nil {
		return mistake{"has no IP address", "write " + serverForm + ", and IPv6 with a port as [2001:db8::1]:80"}
	}
	s.Addr = addr
	m := unusable(addr)
	if m.what != "" {
		m.what = "has an address that " + m.what
	}
	return m
}
