package config

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// finish judges what needs more than one setting to be judged.
func (d *decoder) finish(vips []*vip, withConsul bool) {
	for i, v := range vips {
		v.finish(withConsul)
		if before := slices.IndexFunc(vips[:i], func(o *vip) bool { return o.Name == v.Name }); before >= 0 {
			d.wrong(v.block.LabelRanges[0], "name of a second vip", quote(v.Name),
				fmt.Sprintf("the first is in line %d: choose another name", vips[before].Line))
		}
		d.config.VIPs = append(d.config.VIPs, v.VIP)
	}
	if len(vips) > MaxVIPs {
		d.wrong(vips[MaxVIPs].block.TypeRange, fmt.Sprintf("more than %d vips", MaxVIPs), "", "leave some to another director")
	}
	d.endpoints(vips)
	d.ownAddresses(vips)
}

// endpoints finds the address, port and protocol of two vips.
func (d *decoder) endpoints(vips []*vip) {
	type endpoint struct {
		netip.AddrPort
		Protocol
	}
	owners := map[endpoint]*vip{}
	for _, v := range vips {
		if !v.Address.IsValid() {
			continue
		}
		for _, port := range v.Ports {
			e := endpoint{netip.AddrPortFrom(v.Address, port), v.Protocol}
			if owner, taken := owners[e]; taken {
				d.wrong(v.at["address"], fmt.Sprintf("%s is served already by %s in line %d", v.title(), owner.title(), owner.Line),
					fmt.Sprintf("%s %s", e.AddrPort, e.Protocol), "give one of them another address, port or protocol")
				break
			}
			owners[e] = v
		}
	}
}

// ownAddresses finds servers that are VIPs: their packets would come back.
func (d *decoder) ownAddresses(vips []*vip) {
	owners := map[netip.Addr]*vip{}
	for _, v := range vips {
		if _, taken := owners[v.Address]; !taken && v.Address.IsValid() {
			owners[v.Address] = v
		}
	}
	for _, v := range vips {
		for _, s := range v.listed {
			if owner, ok := owners[s.Addr]; ok {
				d.wrong(s.at, fmt.Sprintf("server has the address of %s in line %d", owner.title(), owner.Line),
					s.Addr.String(), "name the server's own address")
			}
		}
	}
}

func (v *vip) finish(withConsul bool) {
	if v.persistence != nil {
		v.readPersistence()
	}
	v.readCheck()
	for _, required := range []struct{ name, example string }{
		{"address", `"192.0.2.100"`}, {"ports", "[80, 443]"},
	} {
		if !v.at.has(required.name) {
			v.missing("no "+required.name, fmt.Sprintf("write %s = %s", required.name, required.example))
		}
	}
	v.finishService(withConsul)
	v.finishServers()
	v.finishMode()
	switch {
	case v.at.has("register") && v.Register && !withConsul:
		v.wrongAt("register", "register needs a Consul", "true", `add consul { address = "127.0.0.1:8500" }`)
	case !v.at.has("register"):
		v.Register = withConsul
	}
	if v.Scheduler == ByLoad && v.at.has("servers") && v.Reports == nil {
		v.wrongAt("scheduler", "scheduler has no loads to go by", `"load"`,
			"add reports { } to ask the servers' agents, or take the servers from Consul")
	}
}

// wrongAt adds a problem where a setting stands, missing where the vip begins.
func (v *vip) wrongAt(name, what, value, remedy string) { v.d.wrong(v.at[name], what, value, remedy) }

func (v *vip) missing(what, remedy string) {
	v.d.wrong(v.block.TypeRange, what+" in "+v.title(), "", remedy)
}

// finishService sees that servers come from one place.
func (v *vip) finishService(withConsul bool) {
	servers, service := v.at.has("servers"), v.at.has("service")
	switch {
	case servers && service:
		v.wrongAt("service", "both servers and service are given", v.query.Service, "leave one of them out")
	case !servers && !service:
		v.missing("no servers", `write servers = ["10.0.0.11", ...], or service = "NAME" to take them from Consul`)
	case service && !withConsul:
		v.wrongAt("service", "service needs a Consul", v.query.Service, `add consul { address = "127.0.0.1:8500" }`)
	}
	if service {
		query := v.query
		v.Service = &query
		return
	}
	for _, name := range []string{"tag", "datacenter"} {
		if v.at.has(name) {
			v.wrongAt(name, name+" is for a service in Consul", "", "leave it out, or write service instead of servers")
		}
	}
}

// finishServers judges the lists of servers.
func (v *vip) finishServers() {
	if len(v.listed) > MaxServers {
		v.missing(fmt.Sprintf("%d servers and fallback servers are more than %d", len(v.listed), MaxServers), "make a second vip")
		return
	}
	if len(v.listed) > 0 && v.at.has("servers") && len(v.Servers) == 0 && !v.unread {
		v.wrongAt("servers", "servers are all for fallback", "", "leave at least one without fallback")
	}
	if n := len(v.Servers); n > 0 && v.Quorum > n && !v.unread {
		v.wrongAt("quorum", fmt.Sprintf("quorum is more than the %d servers", n), fmt.Sprint(v.Quorum), fmt.Sprintf("write at most %d", n))
	}
	byAddress := map[netip.Addr][]listed{}
	for _, s := range v.listed {
		for _, o := range byAddress[s.Addr] {
			if v.same(s.Server, o.Server) {
				v.d.wrong(s.at, "server is listed twice", s.Addr.String(),
					fmt.Sprintf("it is in line %d: leave one of them out, or give each a port of its own", o.Line))
				break
			}
		}
		byAddress[s.Addr] = append(byAddress[s.Addr], s)
		v.family(s.at, "server", s.Addr)
	}
}

// same tells whether some port of the VIP goes to the same port of two servers
// of one address.
func (v *vip) same(a, b Server) bool {
	if a.Port == b.Port {
		return true
	}
	return a.Port == 0 && slices.Contains(v.Ports, b.Port) || b.Port == 0 && slices.Contains(v.Ports, a.Port)
}

// family sees that an address is of the VIP's family: connections are not
// translated from one to the other.
func (v *vip) family(at hcl.Range, what string, a netip.Addr) {
	if !v.Address.IsValid() || a.Is4() == v.Address.Is4() {
		return
	}
	of := map[bool]string{true: "IPv4", false: "IPv6"}
	v.d.wrong(at, fmt.Sprintf("%s is %s, but the address of %s is %s", what, of[a.Is4()], v.title(), of[v.Address.Is4()]),
		a.String(), fmt.Sprintf("put it behind a vip with an %s address", of[a.Is4()]))
}

func (v *vip) finishMode() {
	for _, name := range []string{"sources", "source_ports"} {
		if v.Mode == NAT && v.at.has(name) {
			v.wrongAt(name, name+" without rewriting of sources", "", `leave it out, or write mode = "fullnat"`)
		}
	}
	for _, source := range v.Sources {
		v.family(v.at["sources"], "source", source)
	}
}
