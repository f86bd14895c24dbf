package agent

import (
	"context"
	"net"
	"net/netip"
)

// listen opens the configured listeners. Those it opened before one failed
// are closed.
func (a *agent) listen(ctx context.Context) ([]listener, error) {
	var open []listener
	for _, want := range []struct {
		addr  string
		serve func(context.Context, net.Listener) error
	}{{a.cfg.Listen, a.serveHTTP}, {a.cfg.HAProxyListen, a.serveHAProxy}} {
		if want.addr == "" {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", want.addr)
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, err // it names the operation and the address
		}
		a.cfg.Log.Info("listening", "address", l.Addr().String())
		open = append(open, listener{l, want.serve})
	}
	return open, nil
}

// loopback tells whether only this machine can reach the address. Names but
// localhost are not looked up: what they mean may change.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
