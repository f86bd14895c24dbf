//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy"
)

// records are the LB records by policy, without the name before them. Policies
// that leave the TTL alone get the papers' constant one; headroom may choose
// between a fifteenth of it and seven times as much, and is to cause no more
// queries on average. Uncached is for comparison: what weights alone could do
// if hardly anything was cached, at many times the queries.
func records(s settings) map[string]string {
	constant := s.seconds(constantTTL)
	fixed := func(policy string) string {
		return fmt.Sprintf("%d IN LB consul %s policy=%s answers=%d min-ttl=%d", constant, serviceName, policy, s.answers, constant)
	}
	return map[string]string{
		"rr":       fixed("rr"),
		"weighted": fixed("weighted"),
		"uncached": fmt.Sprintf("1 IN LB consul %s policy=weighted answers=%d min-ttl=1", serviceName, s.answers),
		"headroom": fmt.Sprintf("%d IN LB consul %s policy=headroom answers=%d min-ttl=%d mean-ttl=%ds session=%ds",
			s.seconds(constantTTL*15/2), serviceName, s.answers, s.seconds(16*time.Second), constant, s.seconds(policy.DefaultSession)),
	}
}

// The names of what is served.
const (
	serviceName = "web"
	zoneName    = "example.org."
	hostName    = "www." + zoneName
	dnsPort     = 53
	metricsPort = 9153
	consulPort  = 8500
	webPort     = 80
	loadPort    = 81
)

// zone is the zone file for a policy.
func zone(s settings, policy string, ns netip.Addr) string {
	return fmt.Sprintf(`$ORIGIN %s
$TTL 3600
@   IN SOA ns1 hostmaster 2026112201 7200 900 1209600 30
    IN NS  ns1
ns1 IN A   %s
www %s
`, zoneName, ns, records(s)[policy])
}

// corefile is the name server's configuration.
func corefile(ns netip.Addr, zoneFile, socket string) string {
	return fmt.Sprintf(`%s:%d {
    bind %s
    ballast %s {
        consul %s:%d
        control %s
        startup_timeout 5s
    }
    errors
    prometheus %s:%d
}
`, zoneName, dnsPort, ns, zoneFile, ns, consulPort, socket, ns, metricsPort)
}
