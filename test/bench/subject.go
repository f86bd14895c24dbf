package main

import (
	"fmt"
	"strings"
)

const (
	origin = "example.org."
	qname  = "www." + origin
)

// subject is one server that answers for www.example.org: a configuration of
// coredns, or a peer of that name.
type subject struct {
	name    string
	plugins string // of the server block; empty for a peer
	counted bool   // its answer has two A records, as that of ballast
}

const steered = "ballast steered.zone {\n control off\n}"

// The subjects in the order in which they are asked. That of file without
// minimal has NS records in its answers, which that of ballast has not.
var subjects = []subject{
	{"ballast", steered, true},
	{"ballast, multisocket 2", "multisocket 2\n" + steered, true},
	{"file", "file plain.zone", true},
	{"file + minimal", "minimal\nfile plain.zone", true},
	{"whoami", "whoami", false},
	{"NSD", "", true},
	{"Knot", "", true},
	{"gdnsd", "", true},
}

// zoneFiles are what the subjects serve: the same two of three addresses, in
// answers of the same size, with the same TTL.
var zoneFiles = map[string]string{
	"steered.zone": zoneHead + `
www     IN LB  srv _www._tcp answers=2 min-ttl=60 check=none
_www._tcp IN SRV 10 1 80 s1
          IN SRV 10 1 80 s2
          IN SRV 10 1 80 s3
s1      IN A   192.0.2.1
s2      IN A   192.0.2.2
s3      IN A   192.0.2.3
`,
	"plain.zone": zoneHead + `
www     IN A   192.0.2.1
        IN A   192.0.2.2
`,
	"consul.zone": zoneHead + `
www     IN LB  consul web answers=2 min-ttl=1 ramp=0
`,
}

const zoneHead = `$ORIGIN example.org.
$TTL 60
@       IN SOA ns1 hostmaster 1 7200 900 1209600 30
        IN NS  ns1
ns1     IN A   127.0.0.1
`

// corefile is a server block on a port of loopback. Its zone files are found
// in the directory that the server starts in.
func corefile(port int, plugins string) string {
	return fmt.Sprintf("%s:%d {\n bind 127.0.0.1\n %s\n}\n", strings.TrimSuffix(origin, "."), port,
		strings.ReplaceAll(plugins, "\n", "\n "))
}
