package ballast

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/secret"

	"github.com/coredns/caddy"
)

// shortestSecret is that of peers, in characters: whoever guesses it decides who
// counts as busy.
const shortestSecret = 16

// setPeers reads peers SECRETFILE LISTEN PEER...
func setPeers(c *caddy.Controller, cfg *config) error {
	args := c.RemainingArgs()
	if len(args) < 3 {
		return c.Errf("peers takes a file with the secret, our own ADDRESS:PORT and those of the peers, not %d arguments", len(args))
	}
	args[0] = rooted(c, args[0])
	file, err := secret.New(args[0])
	if err != nil {
		return c.Errf("peers: %v", err)
	}
	if len(file.Get(time.Now())) < shortestSecret {
		return c.Errf("peers: the secret in %s is shorter than %d characters; make one with 'openssl rand -hex 32'", args[0], shortestSecret)
	}
	var addrs []netip.AddrPort
	for _, arg := range args[1:] {
		addr, err := netip.ParseAddrPort(arg)
		if err != nil || addr.Port() == 0 {
			return c.Errf("peers: '%s' is not an ADDRESS:PORT such as 192.0.2.53:5380 or [2001:db8::53]:5380", arg)
		}
		addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
		if slices.Contains(addrs, addr) {
			return c.Errf("peers: %s stands there twice; our own address comes first, and those of the others after it", addr)
		}
		addrs = append(addrs, addr)
	}
	if stranger := otherFamily(addrs[0].Addr(), addrs[1:]); stranger.IsValid() {
		return c.Errf("peers: %s cannot be reached from %s, which is of the other family; listen at [::]:%d for both", stranger, addrs[0], addrs[0].Port())
	}
	cfg.peers = strings.Join(args, " ")
	cfg.peering = newPeering(addrs[0], addrs[1:], file)
	return nil
}

// otherFamily is a peer that a socket at that address cannot send to, if there is
// one. Wildcards are for both families.
func otherFamily(listen netip.Addr, peers []netip.AddrPort) netip.AddrPort {
	for _, p := range peers {
		if !listen.IsUnspecified() && p.Addr().Is4() != listen.Is4() {
			return p
		}
	}
	return netip.AddrPort{}
}
