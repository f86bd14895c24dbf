package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// kind is a name server program.
type kind struct {
	name    string
	program string
	args    []string // before the configuration file
	conf    func(dir string, port int, zones []placed) string
}

// placed is a zone at its place.
type placed struct {
	origin string
	file   string
	text   string // of the file
}

// ballast is our own server; others are what it is compared with.
func ballast(bin string) *kind {
	return &kind{name: "ballast", program: filepath.Join(bin, "coredns"), args: []string{"-conf"}, conf: corefile}
}

func others(cache string) []*kind {
	return []*kind{
		{name: "nsd", program: filepath.Join(cache, "nsd"), args: []string{"-d", "-c"}, conf: nsdConf},
		{name: "knot", program: filepath.Join(cache, "knotd"), args: []string{"-c"}, conf: knotConf},
	}
}

func corefile(_ string, port int, zones []placed) string {
	var keys, body strings.Builder
	for _, z := range zones {
		fmt.Fprintf(&keys, "%s:%d ", z.origin, port)
		fmt.Fprintf(&body, "\tballast %s %s {\n\t\treload 0\n\t\tcontrol off\n\t}\n", z.file, z.origin)
	}
	return keys.String() + "{\n\tbind 127.0.0.1\n" + body.String() + "}\n"
}

// nsdConf keeps answers to the zone of the question, as ours and Knot's are.
func nsdConf(dir string, port int, zones []placed) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
  ip-address: 127.0.0.1@%d
  server-count: 1
  username: ""
  database: ""
  zonesdir: %[2]q
  pidfile: "%[2]s/pid"
  xfrdfile: "%[2]s/xfrd.state"
  zonelistfile: "%[2]s/zone.list"
  xfrdir: %[2]q
  confine-to-zone: yes
  round-robin: no
remote-control:
  control-enable: no
`, port, dir)
	for _, z := range zones {
		fmt.Fprintf(&b, "zone:\n  name: %q\n  zonefile: %q\n", z.origin, z.file)
	}
	return b.String()
}

func knotConf(dir string, port int, zones []placed) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
  rundir: %[2]q
  listen: 127.0.0.1@%[1]d
  udp-workers: 1
  tcp-workers: 1
  background-workers: 2
log:
- target: stderr
  any: notice
database:
  storage: %[2]q
template:
- id: default
  storage: %[2]q
  journal-content: none
  zonefile-sync: -1
zone:
`, port, dir)
	for _, z := range zones {
		fmt.Fprintf(&b, "- domain: %q\n  file: %q\n", z.origin, z.file)
	}
	return b.String()
}
