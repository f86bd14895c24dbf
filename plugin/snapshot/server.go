package snapshot

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// server is a server of a source's record.
type server struct {
	ID            string        `json:"id"`
	Node          string        `json:"node,omitempty"`
	Host          string        `json:"host,omitempty"`
	Addrs         []netip.Addr  `json:"addrs"`
	Port          uint16        `json:"port"`
	Tier          uint16        `json:"tier,omitempty"`
	Capacity      float64       `json:"capacity"`
	WarningFactor float64       `json:"warning_factor,omitempty"`
	Health        pool.Health   `json:"health"`
	Reason        string        `json:"reason,omitempty"`
	Since         int64         `json:"since,omitempty"`
	Flip          time.Duration `json:"flip,omitempty"`
	Wavering      bool          `json:"wavering,omitempty"`
	Load          *load         `json:"load,omitempty"`
}

type load struct {
	Value       float64 `json:"value"`
	Connections int     `json:"connections,omitempty"`
	At          int64   `json:"at"`
	Boot        string  `json:"boot,omitempty"`
}

func serverOf(s *pool.Server) server {
	record := server{
		ID: s.ID, Node: s.Node, Host: s.Host, Addrs: s.Addrs, Port: s.Port, Tier: s.Tier,
		Capacity: s.Capacity, WarningFactor: s.WarningFactor,
		Health: s.Health, Reason: s.Reason, Since: millis(s.Since), Flip: s.Flip, Wavering: s.Wavering,
	}
	if s.Load.Known() {
		record.Load = &load{s.Load.Value, s.Load.Connections, millis(s.Load.At), s.Load.Boot}
	}
	return record
}

// server is the record as the rest of the program may rely on it.
func (s *server) server() (pool.Server, error) {
	if err := s.check(); err != nil {
		return pool.Server{}, err
	}
	server := pool.Server{
		ID: s.ID, Node: s.Node, Host: s.Host, Addrs: s.Addrs, Port: s.Port, Tier: s.Tier,
		Capacity: s.Capacity, WarningFactor: s.WarningFactor,
		Health: s.Health, Reason: s.Reason, Since: instant(s.Since), Flip: s.Flip, Wavering: s.Wavering,
	}
	if l := s.Load; l != nil {
		server.Load = pool.Load{Value: l.Value, Connections: l.Connections, At: instant(l.At), Boot: l.Boot}
	}
	return server, nil
}

// check refuses what no source says. JSON has neither infinities nor NaN.
func (s *server) check() error {
	switch {
	case s.ID == "":
		return errors.New("it has no ID")
	case s.Capacity < 0 || s.WarningFactor < 0 || s.WarningFactor > 1 || s.Flip < 0:
		return fmt.Errorf("capacity %v, warning factor %v or flip %v is out of range", s.Capacity, s.WarningFactor, s.Flip)
	case s.Load != nil && (s.Load.Value < 0 || s.Load.Value > pool.MaxLoad || s.Load.Connections < 0 || s.Load.At == 0):
		return fmt.Errorf("load %v is out of range", *s.Load)
	}
	for _, addr := range s.Addrs {
		if !addr.IsValid() || addr.Zone() != "" {
			return fmt.Errorf("%q is not an address that can be answered with", addr)
		}
	}
	return nil
}
