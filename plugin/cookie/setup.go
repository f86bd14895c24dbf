package cookie

import (
	"context"
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

// Name is the directive's.
const Name = "cookie"

var log = clog.NewWithPlugin(Name)

func init() { plugin.Register(Name, setup) }

func setup(c *caddy.Controller) error {
	handler, err := parse(c)
	if err != nil {
		return plugin.Error(Name, err)
	}
	if handler.secrets.file != "" {
		follow(c, handler.secrets)
	}
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		handler.Next = next
		return handler
	})
	return nil
}

// Check reads the directive as a start would.
func Check(c *caddy.Controller) error {
	_, err := parse(c)
	return err
}

// follow keeps to the file from the start to the end of the instance.
func follow(c *caddy.Controller, k *keeper) {
	c.Set(k, true)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	close(ended) // nothing to wait for before the start
	c.OnStartup(func() error {
		ended = make(chan struct{})
		go func() {
			defer close(ended)
			k.follow(ctx)
		}()
		return nil
	})
	c.OnShutdown(func() error {
		cancel()
		<-ended
		return nil
	})
}

// parse reads cookie [SECRETFILE] { require }.
func parse(c *caddy.Controller) (*Cookie, error) {
	handler := &Cookie{}
	for n := 0; c.Next(); n++ {
		if n > 0 {
			return nil, c.Err("cookie may stand once in a server block; secrets of all servers go into its one file")
		}
		file := ""
		switch args := c.RemainingArgs(); len(args) {
		case 0:
		case 1:
			file = rooted(c, args[0])
		default:
			return nil, c.Errf("cookie takes one file of secrets at most, not %d arguments", len(args))
		}
		for c.NextBlock() {
			if c.Val() != "require" {
				return nil, c.Errf("unknown property '%s'; known is require", c.Val())
			}
			if len(c.RemainingArgs()) > 0 {
				return nil, c.Err("require takes no argument")
			}
			handler.require = true
		}
		var err error
		if handler.secrets, err = newKeeper(file); err != nil {
			return nil, c.Errf("%v", err)
		}
	}
	return handler, nil
}

// rooted joins a relative path to the root plugin's directory.
func rooted(c *caddy.Controller, path string) string {
	if root := dnsserver.GetConfig(c).Root; root != "" && !filepath.IsAbs(path) {
		return filepath.Join(root, path)
	}
	return path
}
