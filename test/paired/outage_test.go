//go:build linux

package paired

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

func TestConsulAway(t *testing.T) {
	t.Parallel()
	s := setUp(t, onePool, oneVIP)
	web := s.vips[0]
	there := func() error { return s.answers("www", web.Address) }
	s.within(t, 10*time.Second, "the VIP is the answer", there)
	end := s.traffic(t, web)

	s.programs["consul"].Kill()
	s.within(t, 10*time.Second, "the director's status says so", func() error { return s.source(t, false) })
	s.echoes[0].Stop()
	s.within(t, 10*time.Second, "the director sees by itself that s1 stopped", func() error { return s.state(t, 0, control.RealDown) })
	if got := s.servers(t, web.Address, 12); !slices.Equal(got, []string{"s2", "s3"}) {
		t.Errorf("With s1 stopped %v answer", got)
	}
	if err := there(); err != nil {
		t.Error(err)
	}

	s.within(t, 10*time.Second, "the status tells that the VIP cannot be told of", func() error { return s.untold(t, true) })

	s.startConsul(t)
	s.within(t, 10*time.Second, "Consul knows the VIP, with what is left", func() error { return s.weighs(web, 2) })
	s.within(t, 10*time.Second, "the director's source is well", func() error { return s.source(t, true) })
	s.within(t, 10*time.Second, "the status has no complaint", func() error { return s.untold(t, false) })
	if err := s.echoes[0].Start(); err != nil {
		t.Fatal(err)
	}
	s.within(t, 15*time.Second, "Consul knows the VIP with all servers", func() error { return s.weighs(web, 3) })
	end()
}

func TestConsulForgets(t *testing.T) {
	t.Parallel()
	s := setUp(t, onePool, oneVIP)
	web := s.vips[0]
	end := s.traffic(t, web)

	s.programs["consul"].Kill()
	s.programs["director"].Kill()
	s.startDirector(t)
	s.within(t, 10*time.Second, "the director says that it knows no servers", func() error {
		status, err := s.status(t)
		if err == nil && (len(status.VIPs) != 1 || status.VIPs[0].Error == "") {
			err = fmt.Errorf("VIPs %+v", status.VIPs)
		}
		return err
	})
	if got := s.servers(t, web.Address, 12); !slices.Equal(got, []string{"s1", "s2", "s3"}) {
		t.Errorf("While the director knows of no servers, %v answer", got)
	}

	if err := os.RemoveAll(s.consulData()); err != nil {
		t.Fatal(err)
	}
	s.startConsul(t)
	s.within(t, 10*time.Second, "a Consul that knew nothing knows the VIP with all servers", func() error { return s.weighs(web, 3) })
	s.within(t, 10*time.Second, "the VIP is the answer", func() error { return s.answers("www", web.Address) })
	end()
}

// source tells whether the director's source of three servers is not as it
// should be: well, or in trouble.
func (s *stage) source(t *testing.T, well bool) error {
	status, err := s.status(t)
	if err == nil && (len(status.Sources) != 1 || status.Sources[0].Servers != 3 || (status.Sources[0].Err == "") != well) {
		err = fmt.Errorf("sources %+v", status.Sources)
	}
	return err
}

// untold is nil if the director's status does, or does not, complain that
// Consul cannot be told of the VIP.
func (s *stage) untold(t *testing.T, want bool) error {
	status, err := s.status(t)
	if err == nil && (len(status.VIPs) != 1 || strings.Contains(status.VIPs[0].Error, "not told to Consul") != want) {
		err = fmt.Errorf("VIPs %+v", status.VIPs)
	}
	return err
}
