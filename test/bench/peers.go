package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// program is how a server is started: what is run in the directory of the zone
// files, and its configuration for an address and a directory of its own.
type program struct {
	name string
	args func(dir string) []string
	conf map[string]func(port int, dir string) string // by file name within dir
}

// peers are other name servers that give the same answer, from a zone file or,
// as gdnsd, by a monitored pool.
var peers = map[string]program{
	"NSD": {
		name: "nsd",
		args: func(dir string) []string { return []string{"-d", "-c", filepath.Join(dir, "nsd.conf")} },
		conf: map[string]func(int, string) string{"nsd.conf": nsdConf},
	},
	"Knot": {
		name: "knotd",
		args: func(dir string) []string { return []string{"-c", filepath.Join(dir, "knot.conf")} },
		conf: map[string]func(int, string) string{"knot.conf": knotConf},
	},
	"gdnsd": {
		name: "gdnsd",
		args: func(dir string) []string { return []string{"-c", dir, "start"} },
		conf: map[string]func(int, string) string{"config": gdnsdConf, "zones/example.org": gdnsdZone},
	},
}

func nsdConf(port int, dir string) string {
	return fmt.Sprintf(`server:
	ip-address: 127.0.0.1@%[1]d
	username: ""
	chroot: ""
	database: ""
	pidfile: ""
	zonesdir: "%[2]s/.."
	xfrdir: %[2]q
	xfrdfile: "%[2]s/xfrd.state"
	zonelistfile: "%[2]s/zone.list"
	cookie-secret-file: ""
	minimal-responses: yes
	rrl-ratelimit: 0
	server-count: 1
remote-control:
	control-enable: no
zone:
	name: example.org
	zonefile: plain.zone
`, port, dir)
}

func knotConf(port int, dir string) string {
	return fmt.Sprintf(`server:
    rundir: %[2]q
    listen: 127.0.0.1@%[1]d
database:
    storage: %[2]q
log:
  - target: stderr
    any: warning
zone:
  - domain: example.org
    file: "%[2]s/../plain.zone"
    zonefile-load: whole
    journal-content: none
`, port, dir)
}

func gdnsdConf(port int, dir string) string {
	return fmt.Sprintf(`options => { listen => [ "127.0.0.1:%[1]d" ], run_dir => "%[2]s/run", state_dir => "%[2]s/state" }
plugins => { multifo => { www => { service_types => up, a = 192.0.2.1, b = 192.0.2.2 } } }
`, port, dir)
}

func gdnsdZone(int, string) string {
	return `@ 60 SOA ns1 hostmaster 1 7200 900 1209600 30
@ 60 NS ns1
ns1 60 A 127.0.0.1
www 60/60 DYNA multifo!www
`
}

// configure writes the configuration into a directory below that of the zone
// files.
func (p program) configure(dir string, port int) error {
	for name, text := range p.conf {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text(port, dir)), 0o600); err != nil {
			return err
		}
	}
	return nil
}
