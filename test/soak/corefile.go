package main

import (
	"fmt"
	"net"
	"time"
)

// lameduck is how long the name server answers after SIGTERM.
const lameduck = 400 * time.Millisecond

// corefileVariants are ways to write the Corefile that must make no difference.
const corefileVariants = 4

// corefile is the present variant.
func (s *stage) corefile() string {
	var more, block string
	switch s.variant {
	case 1:
		more = "  metadata\n"
	case 2:
		block = fmt.Sprintf("example.com:%s {\n  bind 127.0.0.1\n  whoami\n}\n", s.port())
	case 3:
		more = "  bufsize 1232\n"
	}
	return fmt.Sprintf(`example.org:%s {
  bind 127.0.0.1
  errors
  health %s {
    lameduck %s
  }
  prometheus %s
  pprof %s
  ballast %s {
    consul %s
    reload %s
    startup_timeout 10s
    control %s
    state %s
  }
%s}
%s`, s.port(), s.health, lameduck, s.metrics, s.pprof, s.zonePath, s.proxy.Addr, []string{"500ms", "400ms"}[s.variant%2], s.socket, s.state.path, more, block)
}

func (s *stage) port() string {
	_, port, _ := net.SplitHostPort(s.process.addr)
	return port
}
