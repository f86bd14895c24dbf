package main

import (
	"net"
	"os"
	"strings"
)

// hints are what a visitor can do.
type hints struct {
	name, dns string
	keys      string
	try       [][2]string // command, and what it does
	log       string
}

// width is that of the longest command.
func (h hints) width() int {
	width := 0
	for _, t := range h.try {
		width = max(width, len(t[0]))
	}
	return width
}

func (d *demo) hints() hints {
	s := &d.settings
	host, port, _ := net.SplitHostPort(s.dns)
	name := strings.TrimSuffix(s.name, ".")
	ctl, post := s.ctl(), "curl -X POST "+s.controls
	h := hints{name: name, dns: s.dns, keys: keyHelp, log: d.cast.coredns.log, try: [][2]string{
		{"dig @" + host + " -p " + port + " " + name, "ask it yourself"},
		{post + "/web1/load/0.95", "overload; load/auto ends it"},
		{post + "/web2/stop", "refuse connections; start ends it"},
		{ctl + " explain " + name, "why it is answered so"},
		{ctl + " status", "all there is to know"},
		{ctl + " drain 127.0.0.13 --for 1m", "take a server out"},
		{"curl " + s.controls, "all that curl can do"},
	}}
	if s.consul != "" {
		h.keys += "   c Consul"
		h.try = append(h.try,
			[2]string{post + "/consul/stop", "answers go on; start ends it"},
			[2]string{post + "/web1/agent/kill", "nobody speaks for web1; start"})
	}
	return h
}

// ctl is how the visitor's shell calls ballastctl. Elsewhere than here it does
// not know of a socket that only our environment names.
func (s *settings) ctl() string {
	ctl := s.program("ballastctl")
	if os.Getenv("BALLAST_CONTROL") != "" {
		ctl += " --socket " + s.socket
	}
	return ctl
}
