package ballast

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/fall"
)

// config is one ballast directive of a Corefile.
type config struct {
	file    string // of the zone, path as it is opened
	origins []string
	line    int // of the directive in the Corefile

	consul         *consul.Config // nil without one
	tls            bool           // speak HTTPS to Consul
	execDir        string
	reload         time.Duration
	startupTimeout time.Duration
	control        string // path of the socket, or "off"; empty if nothing is said
	state          string // directory; empty if nothing is kept
	peers          string // as the Corefile has it; empty for none
	peering        *peering
	fall           fall.F
}

// The defaults of a directive.
const (
	defaultReload         = 2 * time.Second
	defaultStartupTimeout = 5 * time.Second
	controlOff            = "off"
)

// settings are what the zone parser must know of the rest of Ballast.
func (cfg *config) settings() zones.Settings {
	return zones.Settings{Policies: policy.Names(), Allow: cfg.allow}
}

// parse reads one ballast directive; the dispenser stands on its name. The
// error joins all mistakes.
func parse(c *caddy.Controller) (*config, error) {
	cfg := &config{
		line:           c.Line(),
		reload:         defaultReload,
		startupTimeout: defaultStartupTimeout,
	}
	args := c.RemainingArgs()
	if len(args) == 0 || args[0] == "" { // as of a variable that is not set
		return nil, c.Err("a zone file is missing: ballast ZONEFILE [ZONES...]")
	}
	cfg.file = rooted(c, args[0])
	cfg.origins = plugin.OriginsFromArgsOrServerBlock(args[1:], c.ServerBlockKeys)
	errs := []error{needNames(c, "zone", args[1:])}
	for c.NextBlock() {
		set, ok := properties[c.Val()]
		if !ok {
			errs = append(errs, c.Errf("unknown property '%s'; %s", c.Val(), knownProperties()))
			c.RemainingArgs()
			continue
		}
		errs = append(errs, set(c, cfg))
	}
	return cfg, errors.Join(append(errs, cfg.check(c))...)
}

// rooted joins a relative path to the root plugin's directory.
func rooted(c *caddy.Controller, path string) string {
	if root := dnsserver.GetConfig(c).Root; root != "" && !filepath.IsAbs(path) {
		return filepath.Join(root, path)
	}
	return path
}

func (cfg *config) check(c *caddy.Controller) error {
	if cfg.consul == nil || cfg.consul.Address != "" {
		return nil
	}
	return c.Err("token, datacenter, tls and tls_servername need a Consul: add 'consul ADDRESS'")
}

// client returns the Consul client of the directive, or nil without one.
func (cfg *config) client(h *hub) (*consul.Client, error) {
	if cfg.consul == nil {
		return nil, nil
	}
	settings := *cfg.consul
	if cfg.tls && !strings.Contains(settings.Address, "://") {
		settings.Address = "https://" + settings.Address
	}
	return h.client(settings)
}
