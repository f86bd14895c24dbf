//go:build linux

package lab

import (
	"errors"
	"fmt"
)

// Server is a real server: a node that can be given faults. Sockets live on
// through each of them.
type Server struct {
	*Node
	Number int // from 1

	director *Node
	port     string // the director's end of its cable, a port of br0
}

func (l *Lab) newServer(n *Node, number int) *Server {
	return &Server{Node: n, Number: number, director: l.Director, port: fmt.Sprintf("p%d", number)}
}

// Port is the name of its port at the director's bridge.
func (s *Server) Port() string { return s.port }

// faultTable is the nftables table that faults live in.
const faultTable = "inet lab_fault"

// Silence drops every packet to and from the server but ARP and neighbour
// discovery: a machine that hangs. Its neighbours still think that it is there.
func (s *Server) Silence() error {
	return s.fault(`
	chain in {
		type filter hook input priority -300; policy drop;
		iifname "lo" accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
	}
	chain out {
		type filter hook output priority -300; policy drop;
		oifname "lo" accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
	}`)
}

// Vanish unplugs the server: a machine without power. Neighbour entries for it
// go stale and fail in their time.
func (s *Server) Vanish() error { return s.director.SetLink(s.port, false) }

// Unreachable is an ICMP error, by the name that nftables gives it.
type Unreachable string

// The errors that a server's host may answer with, in both families.
const (
	AdminProhibited Unreachable = "admin-prohibited"
	HostUnreachable Unreachable = "host-unreachable"
	NoRoute         Unreachable = "no-route"
	PortUnreachable Unreachable = "port-unreachable"
)

// Reject answers every TCP and UDP packet to the server with an ICMP error.
func (s *Server) Reject(with Unreachable) error {
	return s.fault(fmt.Sprintf(`
	chain in {
		type filter hook input priority -300;
		iifname "lo" accept
		meta l4proto { tcp, udp } reject with icmpx type %s
	}`, with))
}

// fault replaces the server's nftables rules.
func (s *Server) fault(chains string) error { return s.nftTable(faultTable, chains) }

// Restore takes all faults back. Packets pass again when it returns.
func (s *Server) Restore() error {
	return errors.Join(s.nftDelete(faultTable), s.director.SetLink(s.port, true), s.director.waitUp(s.port))
}
