package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ballast-lb/ballast/agent"
	"github.com/ballast-lb/ballast/internal/probe"
)

// checkPaths tells the kinds of --check and whether they take a path.
var checkPaths = map[string]bool{"tcp": false, "tls": false, "http": true, "https": true}

// setCheck makes the service's own check of a text such as http:/healthz.
func (o *options) setCheck(c *agent.Config) error {
	if o.check == "" {
		return nil
	}
	kind, path, _ := strings.Cut(o.check, ":")
	takesPath, ok := checkPaths[kind]
	if !ok || path != "" && (!takesPath || path[0] != '/') {
		return fmt.Errorf("check %q is none of tcp, tls, http:/PATH and https:/PATH", o.check)
	}
	if c.Service.Port == 0 {
		return fmt.Errorf("check %s needs --port", o.check)
	}
	ask, err := probe.New(probe.Spec{Kind: kind, Path: path})
	if err != nil {
		return err
	}
	addr := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if c.Service.Address != "" {
		addr = netip.MustParseAddr(c.Service.Address) // setAddresses looked at it
	}
	target := probe.Target{Addr: netip.AddrPortFrom(addr, uint16(c.Service.Port)), ID: c.Service.ID}
	c.Check = func(ctx context.Context) error {
		_, err := ask(ctx, target)
		if errors.Is(err, probe.ErrUnable) {
			return fmt.Errorf("%w: %w", agent.ErrUnable, err)
		}
		return err
	}
	return nil
}
