// Command coredns is CoreDNS with the ballast plugin and a chosen list of the
// standard plugins.
package main

import (
	"github.com/ballast-lb/ballast/plugin/directives"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
)

func main() {
	dnsserver.Directives = directives.Order
	coremain.Run()
}
