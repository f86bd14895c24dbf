package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ballast-lb/ballast/internal/control"
)

// settings are the places where everything is. They repeat what Corefile and
// zone say; a demo on other ports needs files of its own.
type settings struct {
	bin    string // folder of our programs
	run    string // folder of logs and data
	consul string // the Consul program; empty for the demo without

	corefile string
	name     string // the steered name that is asked for, fully qualified
	dns      string // where coredns answers, UDP and TCP
	metrics  string // its prometheus listener
	ready    string // its ready listener
	socket   string // its control socket

	controls  string // where the visitor's curl goes
	webPort   int    // of the three servers
	agentPort int    // of the agents' reports, at the servers' addresses

	consulHTTP, consulServer, consulSerf string
}

// spec is one of the servers.
type spec struct {
	name     string // as in the zone, and the service's ID in Consul
	ip       string
	capacity int
}

// servers are the real servers of zones/example.org.zone.
func servers() []spec {
	return []spec{{"web1", "127.0.0.11", 4}, {"web2", "127.0.0.12", 2}, {"web3", "127.0.0.13", 1}}
}

// exampleSettings are those of the files in the source tree, seen from its top
// folder.
func exampleSettings(bin, run, consul string) settings {
	s := settings{
		bin: bin, run: run, consul: consul,
		corefile: "Corefile.example", name: "www.example.org.",
		dns: "127.0.0.1:1053", metrics: "127.0.0.1:9153", ready: "127.0.0.1:8181",
		socket:   control.DefaultPath(),
		controls: "127.0.0.1:8080", webPort: 8081, agentPort: 9155,
		consulHTTP: "127.0.0.1:8500", consulServer: "127.0.0.1:8300", consulSerf: "127.0.0.1:8301",
	}
	if consul != "" {
		s.corefile, s.name = "test/demo/Corefile.consul", "www.consul.example.org."
	}
	return s
}

func (s *settings) program(name string) string { return filepath.Join(s.bin, name) }

// web is the address of a server.
func (s *settings) web(server spec) string {
	return net.JoinHostPort(server.ip, strconv.Itoa(s.webPort))
}

// agent is where a server's agent answers.
func (s *settings) agent(server spec) string {
	return net.JoinHostPort(server.ip, strconv.Itoa(s.agentPort))
}

// check finds missing programs and files before anything is started.
func (s *settings) check() error {
	needed := []string{s.program("coredns"), s.corefile}
	if s.consul != "" {
		needed = append(needed, s.program("ballast-agent"), s.consul)
	}
	for _, path := range needed {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w; run 'make run' or 'make run-consul' in the top folder of the source", err)
		}
	}
	return nil
}
