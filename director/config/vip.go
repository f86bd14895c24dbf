package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/ballast-lb/ballast/internal/consul"
)

// vip is a VIP while it is read: with the places of its settings, and what
// cannot be judged before all of them are known.
type vip struct {
	VIP
	d     *decoder
	block *hclsyntax.Block
	at    given

	query       consul.Query
	check       *hclsyntax.Block
	persistence *hclsyntax.Block
	listed      []listed
	unread      bool // some servers had mistakes and are not in listed
}

func (d *decoder) vip(b *hclsyntax.Block) *vip {
	v := &vip{d: d, block: b, VIP: VIP{
		Name: b.Labels[0], Line: d.line(b.TypeRange),
		Protocol: TCP, Scheduler: WeightedLeastConn, Mode: NAT, Quorum: 1,
		SlowStart: 30 * time.Second,
		OnFailure: ResetIfSilent, Silence: 3 * time.Second,
		MaxEjected: 50, Eject: Eject{Consecutive: 5, Base: 5 * time.Second},
		SourcePorts: PortRange{20000, 32767},
		Announce:    true,
	}}
	if !vipName(v.Name) {
		d.wrong(b.LabelRanges[0], "name of a vip", quote(v.Name), "use 1 to 31 of the letters a-z, digits and hyphens")
	}
	v.at = d.body(v.title(), b.Body, v.settings(), v.blocks())
	return v
}

func (v *vip) title() string { return "vip " + quote(v.Name) }

var vipNames = regexp.MustCompile(`^[a-z0-9-]{1,31}$`)

func vipName(s string) bool { return vipNames.MatchString(s) }

func (v *vip) settings() settings {
	return settings{
		"address":        address(&v.Address),
		"ports":          v.ports,
		"protocol":       choice(&v.Protocol, TCP, UDP),
		"scheduler":      choice(&v.Scheduler, RoundRobin, WeightedRoundRobin, LeastConn, WeightedLeastConn, SourceHash, Maglev, ByLoad),
		"mode":           choice(&v.Mode, NAT, FullNAT),
		"servers":        v.servers,
		"service":        v.service,
		"tag":            v.tag,
		"datacenter":     text(&v.query.Datacenter, "a datacenter's name", "dc1", word),
		"fallback":       v.fallback,
		"quorum":         whole(&v.Quorum, 1, MaxServers),
		"slow_start":     duration(&v.SlowStart, 0, time.Hour),
		"on_failure":     choice(&v.OnFailure, Drain, Reset, ResetIfSilent),
		"silence":        duration(&v.Silence, 100*time.Millisecond, time.Hour),
		"drain_deadline": duration(&v.DrainDeadline, 0, longest),
		"max_ejected":    whole(&v.MaxEjected, 0, 100),
		"sources":        v.sources,
		"source_ports":   v.sourcePorts,
		"register":       boolean(&v.Register),
		"announce":       boolean(&v.Announce),
	}
}

func (v *vip) blocks() blocks {
	return blocks{
		"check":       {label: "kind", read: func(b *hclsyntax.Block) { v.check = b }},
		"persistence": {read: func(b *hclsyntax.Block) { v.persistence = b }},
		"reports":     {read: v.reports},
		"eject": {read: func(b *hclsyntax.Block) {
			v.d.body("eject", b.Body, settings{
				"consecutive": whole(&v.Eject.Consecutive, 0, 1000),
				"base":        duration(&v.Eject.Base, 100*time.Millisecond, time.Hour),
			}, nil)
		}},
	}
}

func (v *vip) ports(s value) {
	items, ok := s.list("port", "[80, 443]")
	if ok && len(items) == 0 {
		s.wrong("is empty", "name at least one port")
	}
	if len(items) > MaxPorts {
		s.wrong(fmt.Sprintf("has %d ports, more than %d", len(items), MaxPorts), "make a second vip with the same address")
		return
	}
	for _, item := range items {
		port, ok := item.whole(1, 65535)
		switch {
		case !ok:
		case slices.Contains(v.Ports, uint16(port)):
			item.wrong("is listed twice", "leave one of them out")
		default:
			v.Ports = append(v.Ports, uint16(port))
		}
	}
}

func (v *vip) sources(s value) {
	items, ok := s.list("source", `["10.0.0.1"]`)
	if ok && len(items) == 0 {
		s.wrong("is empty", "name at least one address, or leave the line out to use the interface's own")
	}
	for _, item := range items {
		source := item.address()
		switch {
		case !source.IsValid():
		case slices.Contains(v.Sources, source):
			item.wrong("is listed twice", "leave one of them out")
		default:
			v.Sources = append(v.Sources, source)
		}
	}
}

func (v *vip) sourcePorts(s value) {
	text, ok := s.text("a range of ports", "20000-32767")
	if !ok {
		return
	}
	low, high, _ := strings.Cut(text, "-")
	first, err1 := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || first < 1024 || first > last {
		s.wrong("is not a range of ports within 1024 and 65535", `write FIRST-LAST, as "20000-32767"`)
		return
	}
	v.SourcePorts = PortRange{uint16(first), uint16(last)}
}

// readPersistence comes after the address, whose family says what prefixes
// there are.
func (v *vip) readPersistence() {
	p := &Persistence{Timeout: 360 * time.Second, Prefix: 32}
	v.Persistence = p
	mine, other, family, bits := "prefix", "prefix6", "IPv4", 32
	if v.Address.Is6() {
		mine, other, family, bits = "prefix6", "prefix", "IPv6", 128
		p.Prefix = 64
	}
	v.d.body("persistence", v.persistence.Body, settings{
		"timeout": duration(&p.Timeout, time.Second, longest),
		mine:      whole(&p.Prefix, 1, bits),
		other: func(s value) {
			if v.Address.IsValid() {
				s.wrong("is for the other family", fmt.Sprintf("clients of an %s address have a %s of 1 to %d", family, mine, bits))
			}
		},
	}, nil)
}
