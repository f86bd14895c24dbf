package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// use is an address that somebody is going to listen at.
type use struct{ network, address, by string }

// uses lists the addresses of the programs that the demo starts. Its own
// listeners speak for themselves.
func (s *settings) uses() []use {
	list := []use{
		{"udp", s.dns, "coredns, for DNS"},
		{"tcp", s.dns, "coredns, for DNS"},
		{"tcp", s.metrics, "coredns, for metrics"},
		{"tcp", s.ready, "coredns, for ready"},
	}
	if s.consul == "" {
		return list
	}
	list = append(list,
		use{"tcp", s.consulHTTP, "Consul's HTTP API"},
		use{"tcp", s.consulServer, "Consul's server RPC"},
		use{"tcp", s.consulSerf, "Consul's gossip"},
		use{"udp", s.consulSerf, "Consul's gossip"})
	for _, server := range servers() {
		list = append(list, use{"tcp", s.agent(server), "the agent of " + server.name})
	}
	return list
}

// checkFree tries every address. Without it a second coredns would start
// beside the first and share its queries, since it listens with SO_REUSEPORT.
func (s *settings) checkFree() error {
	for _, u := range s.uses() {
		if err := u.try(); err != nil {
			return err
		}
	}
	return nil
}

func (u use) try() error {
	var err error
	switch u.network {
	case "udp":
		var c net.PacketConn
		if c, err = net.ListenPacket("udp", u.address); err == nil {
			c.Close()
		}
	default:
		var l net.Listener
		if l, err = net.Listen("tcp", u.address); err == nil {
			l.Close()
		}
	}
	return u.explain(err)
}

// explain says what to do about an address that cannot be had.
func (u use) explain(err error) error {
	switch host, port, _ := net.SplitHostPort(u.address); {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s port %s is taken, and is needed by %s; end who has it ('ss -lnp | grep :%s' shows the process) and try again",
			u.network, u.address, u.by, port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine, and is needed by %s; on macOS add it with 'sudo ifconfig lo0 alias %s'",
			host, u.by, host)
	default:
		return fmt.Errorf("listen at %s port %s for %s: %w", u.network, u.address, u.by, err)
	}
}

// listen opens one of the demo's own listeners.
func listen(address, by string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	return l, use{"tcp", address, by}.explain(err)
}
