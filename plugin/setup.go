// Package ballast is the CoreDNS plugin: an authoritative server for zones in
// which some names are answered from a pool of servers, by weight, health and
// load. README.md is its manual.
package ballast

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/dnssec"
	"github.com/coredns/coredns/plugin/pkg/edns"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

const name = "ballast"

var log = clog.NewWithPlugin(name)

func init() { plugin.Register(name, setup) }

func setup(c *caddy.Controller) error {
	h := hubOf(c)
	b := &Ballast{hub: h}
	for c.Next() {
		cfg, err := parse(c)
		if err != nil {
			return plugin.Error(name, err)
		}
		if err := b.add(h, cfg); err != nil {
			return plugin.Error(name, c.Errf("%v", err))
		}
	}
	// CoreDNS drops options from a reply that no plugin answers for. A client
	// subnet is answered by us: with scope 0, or with the scope we set.
	edns.SetSupportedOption(dns.EDNS0SUBNET)

	c.OnStartup(func() error {
		if t, ok := dnsserver.GetConfig(c).Handler("transfer").(*transfer.Transfer); ok {
			b.setTransfer(t)
		}
		if d, ok := dnsserver.GetConfig(c).Handler("dnssec").(dnssec.Dnssec); ok {
			b.signer = &d
		}
		if dnsserver.GetConfig(c).Handler("cache") != nil {
			log.Warningf("%s; leave it out of a server block with ballast", unfit["cache"])
		}
		b.metadata = dnsserver.GetConfig(c).Handler("metadata") != nil
		return nil
	})
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		b.Next = next
		return b
	})
	return nil
}

// add loads the directive's zone for each of its origins.
func (b *Ballast) add(h *hub, cfg *config) error {
	client, err := cfg.client(h)
	if err != nil {
		return err
	}
	if err := h.configure(cfg); err != nil {
		return err
	}
	for _, origin := range cfg.origins {
		z, err := newZone(h, cfg, client, origin)
		if err != nil {
			return err
		}
		if err := b.zones.add(z); err != nil {
			return err
		}
		h.addZone(z)
	}
	return nil
}
