package ballast

import (
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/statedir"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
)

// properties are the lines that a ballast block may hold.
var properties = map[string]func(*caddy.Controller, *config) error{
	"consul":          text(func(cfg *config) *string { return &cfg.needConsul().Address }),
	"datacenter":      text(func(cfg *config) *string { return &cfg.needConsul().Datacenter }),
	"tls_servername":  text(func(cfg *config) *string { return &cfg.needConsul().TLS.ServerName }),
	"token":           path(func(cfg *config) *string { return &cfg.needConsul().TokenFile }),
	"exec":            path(func(cfg *config) *string { return &cfg.execDir }),
	"control":         setControl,
	"state":           setState,
	"peers":           setPeers,
	"tls":             setTLS,
	"reload":          duration(func(cfg *config) *time.Duration { return &cfg.reload }),
	"startup_timeout": duration(func(cfg *config) *time.Duration { return &cfg.startupTimeout }),
	"fallthrough":     setFallthrough,
}

func knownProperties() string {
	return "known are " + strings.Join(slices.Sorted(maps.Keys(properties)), ", ")
}

func (cfg *config) needConsul() *consul.Config {
	if cfg.consul == nil {
		cfg.consul = &consul.Config{}
	}
	return cfg.consul
}

// oneArg returns the only argument of the property the dispenser stands on.
func oneArg(c *caddy.Controller) (string, error) {
	name, args := c.Val(), c.RemainingArgs()
	if len(args) != 1 {
		return "", c.Errf("%s takes one argument, not %d", name, len(args))
	}
	return args[0], nil
}

// text sets a property that is any text and may stand once.
func text(field func(*config) *string) func(*caddy.Controller, *config) error {
	return func(c *caddy.Controller, cfg *config) error {
		name := c.Val()
		value, err := oneArg(c)
		if err != nil {
			return err
		}
		if *field(cfg) != "" {
			return c.Errf("%s is given twice: '%s' and '%s'", name, *field(cfg), value)
		}
		*field(cfg) = value
		return nil
	}
}

// path sets a property that is the path of something that exists.
func path(field func(*config) *string) func(*caddy.Controller, *config) error {
	set := text(field)
	return func(c *caddy.Controller, cfg *config) error {
		name := c.Val()
		if err := set(c, cfg); err != nil {
			return err
		}
		*field(cfg) = rooted(c, *field(cfg))
		if _, err := os.Stat(*field(cfg)); err != nil {
			return c.Errf("%s: %v", name, err)
		}
		return nil
	}
}

// shortest is the least time that is worth waiting.
const shortest = 10 * time.Millisecond

func duration(field func(*config) *time.Duration) func(*caddy.Controller, *config) error {
	return func(c *caddy.Controller, cfg *config) error {
		name := c.Val()
		value, err := oneArg(c)
		if err != nil {
			return err
		}
		d, err := time.ParseDuration(value)
		if value == "0" {
			d, err = 0, nil
		}
		if err != nil || d < 0 {
			return c.Errf("%s '%s' is not a duration such as 2s or 1m", name, value)
		}
		if d > 0 && d < shortest {
			return c.Errf("%s %s is shorter than %s", name, value, shortest)
		}
		*field(cfg) = d
		return nil
	}
}

func setControl(c *caddy.Controller, cfg *config) error {
	value, err := oneArg(c)
	if err != nil {
		return err
	}
	cfg.control = value
	return nil
}

// setState takes a directory that can be written to: who asks for one relies on
// it, and it is when a person looks that a mistake can be mended.
func setState(c *caddy.Controller, cfg *config) error {
	if err := text(func(cfg *config) *string { return &cfg.state })(c, cfg); err != nil {
		return err
	}
	cfg.state = rooted(c, cfg.state)
	if err := statedir.Check(cfg.state); err != nil {
		return c.Errf("state: %v", err)
	}
	return nil
}

// setTLS reads tls [CERT KEY] [CA], as the forward plugin does.
func setTLS(c *caddy.Controller, cfg *config) error {
	t := &cfg.needConsul().TLS
	cfg.tls = true
	args := c.RemainingArgs()
	for i := range args {
		args[i] = rooted(c, args[i])
	}
	switch len(args) {
	case 0:
	case 1:
		t.CAFile = args[0]
	case 2:
		t.CertFile, t.KeyFile = args[0], args[1]
	case 3:
		t.CertFile, t.KeyFile, t.CAFile = args[0], args[1], args[2]
	default:
		return c.Errf("tls takes [CERT KEY] [CA], not %d arguments", len(args))
	}
	return nil
}

func setFallthrough(c *caddy.Controller, cfg *config) error {
	zones := c.RemainingArgs()
	cfg.fall.SetZonesFromArgs(zones)
	return needNames(c, "fallthrough", zones)
}

// needNames refuses what CoreDNS would leave out without a word.
func needNames(c *caddy.Controller, what string, zones []string) error {
	for _, zone := range zones {
		if len(plugin.Host(zone).NormalizeExact()) == 0 {
			return c.Errf("%s '%s' is not a domain name", what, zone)
		}
	}
	return nil
}
