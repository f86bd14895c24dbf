package ballast

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	keys "github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// site is where a server block serves a zone. The address is empty for all.
type site struct{ transport, zone, port, address string }

func (s site) String() string {
	text := s.transport + "://" + s.zone + ":" + s.port
	if s.address != "" {
		text += " on " + s.address
	}
	return text
}

// everywhere is the same site at all addresses.
func (s site) everywhere() site {
	s.address = ""
	return s
}

// sites are those that server blocks without a view have taken, as CoreDNS keeps
// them (core/dnsserver/address.go).
type sites struct {
	taken    map[site]keyPlace
	anywhere map[site]keyPlace // by everywhere()
}

// take gives the site to a block, unless another one has it. A block with a view
// takes none, but may not be hidden by one that listens elsewhere either.
func (t *sites) take(s site, at keyPlace, view bool) (by keyPlace, free bool) {
	same, isTaken := t.taken[s]
	if isTaken {
		return same, view
	}
	if by, overlaps := t.anywhere[s.everywhere()]; overlaps && s.address == "" {
		return by, false
	}
	if by, overlaps := t.taken[s.everywhere()]; overlaps {
		return by, false
	}
	if !view {
		t.taken[s], t.anywhere[s.everywhere()] = at, at
	}
	return at, true
}

// checkKeys checks what stands before the braces of server blocks, which CoreDNS
// does once all plugins are set up.
func checkKeys(path string, blocks []caddyfile.ServerBlock) (problems []zones.Problem) {
	taken := sites{map[site]keyPlace{}, map[site]keyPlace{}}
	places := keyPlaces(path, blocks)
	for i, block := range blocks {
		addresses, view := boundTo(path, block), len(block.Tokens["view"]) > 0
		for k, key := range block.Keys {
			at := places[i][k]
			found, err := sitesOf(key)
			if err != nil {
				problems = append(problems, at.problem(err.Error(), "write [SCHEME://]ZONE[:PORT] with a port of 1 to 65535"))
			}
			for _, s := range found {
				for _, s.address = range addresses {
					if by, free := taken.take(s, at, view); !free {
						problems = append(problems, at.problem(fmt.Sprintf("%v is already defined by %v", s, by),
							"make one server block of both, or give one another port, 'bind' address or view"))
					}
				}
			}
		}
	}
	return problems
}

// defaultPorts are those of keys that name none.
var defaultPorts = map[string]string{
	transport.TLS: transport.TLSPort, transport.QUIC: transport.QUICPort, transport.GRPC: transport.GRPCPort,
	transport.HTTPS: transport.HTTPSPort, transport.HTTPS3: transport.HTTPSPort,
}

// sitesOf reads a key, which may be a network with several reverse zones.
func sitesOf(key string) ([]site, error) {
	scheme, rest := keys.Transport(key)
	hosts, port, err := plugin.SplitHostPort(rest)
	if err != nil {
		return nil, err
	}
	if port == "" {
		if port = defaultPorts[scheme]; port == "" {
			port = dnsserver.DefaultPort
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, fmt.Errorf("port %s is impossible", port)
	}
	found := make([]site, len(hosts))
	for i, host := range hosts {
		found[i] = site{transport: scheme, zone: plugin.Name(host).Normalize(), port: port}
	}
	return found, nil
}

// boundTo are the addresses and interfaces that a server block listens at.
func boundTo(path string, block caddyfile.ServerBlock) (addresses []string) {
	var except []string
	for c := directiveOf("bind", path, block); c.Next(); {
		addresses = append(addresses, c.RemainingArgs()...)
		for c.NextBlock() {
			except = append(except, c.RemainingArgs()...) // the block's only property
		}
	}
	if len(addresses) == 0 {
		return []string{""}
	}
	return slices.DeleteFunc(addresses, func(a string) bool { return slices.Contains(except, a) })
}
