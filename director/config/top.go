package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func defaults(name string) *Config {
	return &Config{
		File:        name,
		Control:     "/run/ballast/director.sock",
		State:       "/sys/fs/bpf/ballast",
		Connections: 262144,
		Timeouts: Timeouts{
			Established: 15 * time.Minute,
			Opening:     time.Minute,
			Closing:     2 * time.Minute,
			Reset:       10 * time.Second,
			UDP:         5 * time.Minute,
		},
		// Below the client's own first retransmission, which RFC 6298 puts at
		// 1 s, less what timers and the way add.
		SYN: SYN{Retry: 800 * time.Millisecond, Tries: MaxTries},
	}
}

const (
	longest  = 240 * time.Hour // of timeouts; the datapath's ticks wrap after 26 days
	maxNIC   = 15              // bytes of an interface's name, IFNAMSIZ less the NUL
	maxPath  = 107             // bytes of a unix socket's path, sun_path less the NUL
	topLevel = "the configuration"
)

// file reads the whole configuration.
func (d *decoder) file(b *hclsyntax.Body) {
	c := d.config
	open := false
	var vips []*vip
	seen := d.body(topLevel, b, settings{
		"interfaces":   d.interfaces,
		"control":      text(&c.Control, "a socket's path", c.Control, socketPath),
		"metrics":      text(&c.Metrics, "HOST:PORT", "127.0.0.1:9154", listenAddress),
		"metrics_open": boolean(&open),
		"state":        text(&c.State, "a directory", c.State, absolute),
		"connections":  whole(&c.Connections, 1024, 16777216),
	}, blocks{
		"timeouts": {read: d.timeouts},
		"syn":      {read: d.syn},
		"consul":   {read: d.consul},
		"vip":      {label: "name", many: true, read: func(b *hclsyntax.Block) { vips = append(vips, d.vip(b)) }},
	})
	if !seen.has("interfaces") {
		d.wrong(hcl.Range{}, "no interfaces", "",
			`name those of clients and servers: interfaces = ["eth0", "eth1"]`)
	}
	if c.Metrics != "" && !open && !loopback(c.Metrics) {
		d.wrong(seen["metrics"], "metrics can be reached from elsewhere", c.Metrics,
			"listen on 127.0.0.1, or allow it by metrics_open = true")
	}
	d.finish(vips, seen.has("consul"))
}

func (d *decoder) interfaces(v value) {
	items, ok := v.list("interface", `["eth0", "eth1"]`)
	if ok && len(items) == 0 {
		v.wrong("is empty", "name at least one interface")
	}
	for _, item := range items {
		name, ok := item.text("an interface's name", "eth0")
		switch {
		case !ok:
		case !interfaceName(name):
			item.wrong("is not a name that interfaces have", fmt.Sprintf("it has 1 to %d characters, no slash, colon or space", maxNIC))
		case slices.Contains(d.config.Interfaces, name):
			item.wrong("is listed twice", "leave one of them out")
		default:
			d.config.Interfaces = append(d.config.Interfaces, name)
		}
	}
}

// interfaceName follows the kernel's dev_valid_name.
func interfaceName(s string) bool {
	return s != "" && len(s) <= maxNIC && s != "." && s != ".." &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == '/' || r == ':' || unicode.IsSpace(r) })
}

func (d *decoder) timeouts(b *hclsyntax.Block) {
	t := &d.config.Timeouts
	d.body("timeouts", b.Body, settings{
		"established": duration(&t.Established, time.Second, longest),
		"opening":     duration(&t.Opening, time.Second, longest),
		"closing":     duration(&t.Closing, time.Second, longest),
		"reset":       duration(&t.Reset, time.Second, longest),
		"udp":         duration(&t.UDP, time.Second, longest),
	}, nil)
}

func (d *decoder) syn(b *hclsyntax.Block) {
	d.body("syn", b.Body, settings{
		"retry": duration(&d.config.SYN.Retry, 10*time.Millisecond, time.Minute),
		"tries": whole(&d.config.SYN.Tries, 1, MaxTries),
	}, nil)
}

func socketPath(s string) mistake {
	m := absolute(s)
	if m == (mistake{}) && len(s) > maxPath {
		m = mistake{fmt.Sprintf("is longer than %d bytes", maxPath), "choose a shorter path: sockets have no longer ones"}
	}
	return m
}

func absolute(s string) mistake {
	if !filepath.IsAbs(s) || filepath.Clean(s) == "/" {
		return mistake{"is not an absolute path", "begin it with a slash"}
	}
	return mistake{}
}

// listenAddress accepts HOST:PORT with an address or localhost for a host, or
// none for all addresses; and nothing at all.
func listenAddress(s string) mistake {
	if s == "" {
		return mistake{}
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && host != "" && host != "localhost" {
		_, err = netip.ParseAddr(host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return mistake{"is not HOST:PORT", `write an IP address and a port, such as "127.0.0.1:9154" or "[::1]:9154"`}
	}
	return mistake{}
}

// loopback tells whether only this machine can reach a listenAddress.
func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
