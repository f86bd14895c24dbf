//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// kind is a way in which resolvers are set up.
type kind struct {
	name    string
	options func(s settings) []string // lines of Unbound's server clause
}

// floor is the shortest time that some resolvers keep an answer.
const floor = 60 * time.Second

// kinds are dealt to resolvers in this order, over and over, from the largest
// one on: two of five are as Unbound comes.
func kinds() []kind {
	plain := func(settings) []string { return nil }
	return []kind{
		{"default", plain},
		{"floor", func(s settings) []string {
			return []string{fmt.Sprintf("cache-min-ttl: %d", s.seconds(floor))}
		}},
		{"prefetch", func(settings) []string { return []string{"prefetch: yes"} }},
		{"default", plain},
		// As it comes with this option: the old answer at once, the new one
		// for whoever asks next.
		{"serve-expired", func(settings) []string { return []string{"serve-expired: yes"} }},
	}
}

func kindOf(resolver int) kind {
	all := kinds()
	return all[resolver%len(all)]
}

// unboundConf is the configuration of one resolver. It knows no root: all that
// it may be asked for is at our name server.
func unboundConf(s settings, resolver int, own, ns netip.Addr) string {
	var extra strings.Builder
	for _, line := range kindOf(resolver).options(s) {
		fmt.Fprintf(&extra, "    %s\n", line)
	}
	return fmt.Sprintf(`server:
    interface: %[1]s
    outgoing-interface: %[1]s
    access-control: %[1]s/24 allow
    do-daemonize: no
    use-syslog: no
    chroot: ""
    directory: ""
    username: ""
    pidfile: ""
    do-ip6: no
    num-threads: 1
    outgoing-range: 64
    msg-cache-size: 64k
    rrset-cache-size: 64k
    module-config: "iterator"
    qname-minimisation: no
    target-fetch-policy: "0 0 0 0 0"
%[2]sremote-control:
    control-enable: no
stub-zone:
    name: "%[3]s"
    stub-addr: %[4]s@%[5]d
`, own, extra.String(), zoneName, ns, dnsPort)
}
