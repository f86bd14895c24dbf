//go:build linux

package paired

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// TestReload changes the configuration of a director under its clients.
func TestReload(t *testing.T) {
	t.Parallel()
	s := setUp(t, onePool, func(l *lab.Lab) []vip {
		return []vip{
			{Name: "stays", Address: l.VIP(0).String()},
			{Name: "moves", Address: l.VIP(1).String()},
			{Name: "goes", Address: l.VIP(2).String()},
		}
	})
	stays, moves, goes := s.vips[0], s.vips[1], s.vips[2]
	s.within(t, 10*time.Second, "all VIPs are answers", func() error { return s.answers("any", stays.Address, moves.Address, goes.Address) })
	end := s.traffic(t, stays)

	moved := vip{Name: "moves", Address: s.lab.VIP(3).String()}
	private := vip{Name: "private", Address: stays.Address, Port: 8080, Private: true} // beside one that is not
	s.vips = []vip{stays, moved, private}
	s.reload(t)
	s.within(t, 6*time.Second, "the answers are as the configuration", func() error {
		all, err := s.registrations()
		if err == nil && len(all) != 2 {
			err = fmt.Errorf("in Consul there are %+v", all)
		}
		if err == nil {
			err = s.answers("any", stays.Address, moved.Address)
		}
		return err
	})
	s.within(t, 6*time.Second, "the director has the VIPs' addresses", func() error {
		return s.has(map[string]bool{stays.Address: true, moved.Address: true, moves.Address: false, goes.Address: false})
	})
	if log := s.log(t, "director"); strings.Contains(log, `"address given back" address=`+stays.Address+" ") ||
		!strings.Contains(log, `"address given back" address=`+goes.Address+" ") {
		t.Errorf("%s should be given back, and never %s", goes.Address, stays.Address)
	}
	s.servers(t, moved.Address, 3)
	end()
}

// reload has the director read its configuration again, and waits until it has.
func (s *stage) reload(t *testing.T) {
	t.Helper()
	before, err := s.status(t)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "director.hcl", directorHCL)
	if err := s.programs["director"].Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.within(t, 10*time.Second, "the configuration is reloaded", func() error {
		status, err := s.status(t)
		if err == nil && !status.ConfigLoaded.After(before.ConfigLoaded) {
			err = fmt.Errorf("not yet: %s", status.ConfigError)
		}
		return err
	})
}

// has tells which addresses the director's host has, or has not, against what
// is wanted.
func (s *stage) has(want map[string]bool) error {
	return s.lab.Director.Do(func() error {
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			return err
		}
		held := map[string]bool{}
		for _, a := range addrs {
			if prefix, ok := a.(*net.IPNet); ok {
				held[prefix.IP.String()] = true
			}
		}
		for addr, there := range want {
			if held[addr] != there {
				return fmt.Errorf("the host has %v", addrs)
			}
		}
		return nil
	})
}
