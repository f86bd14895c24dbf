//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/ballast-lb/ballast/director/dataplane"
)

// synOptions are those of a Linux client: MSS, SACK, time stamps, window scale.
var synOptions = []byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}

// redirected is what the program returns of a packet that it sends on.
const redirected = 7 // TC_ACT_REDIRECT

// packets makes packets and gives them to the datapath.
type packets struct {
	runner
	plane   *dataplane.Plane
	forward int // the program
}

// send gives one packet, which must be sent on.
func (s *packets) send(p bpftest.Packet) error {
	verdict, _, err := s.run(s.forward, p.Bytes())
	if err == nil && verdict != redirected {
		err = fmt.Errorf("the datapath's verdict on a packet from %v to %v is %d, not to redirect it", p.Src, p.Dst, int32(verdict))
	}
	return err
}

func synOf(p pool, client int) bpftest.Packet {
	syn := bpftest.Segment(p.client(client), p.vip(), bpftest.SYN, 1000, 0, "")
	syn.Options = synOptions
	return syn
}

// flow is one established connection's packets, one from each side.
type flow struct{ toServer, toClient []byte }

// establish opens a connection by its three packets.
func (s *packets) establish(p pool, client int) (flow, error) {
	syn := synOf(p, client)
	if err := s.send(syn); err != nil {
		return flow{}, err
	}
	id, _, ok, err := s.plane.Lookup(syn.Tuple())
	if err != nil || !ok {
		return flow{}, fmt.Errorf("the connection of client %v is not in the table: %w", syn.Src, err)
	}
	conn, _ := s.plane.Conn(id)
	server := netip.AddrPortFrom(dataplane.Addr(conn.Server), dataplane.Port(conn.Sport))
	synack := bpftest.Segment(server, syn.Src, bpftest.SYN|bpftest.ACK, 2000, 1001, "")
	synack.Options = synOptions
	toServer := bpftest.Segment(syn.Src, syn.Dst, bpftest.ACK, 1001, 2001, "")
	toClient := bpftest.Segment(server, syn.Src, bpftest.ACK, 2001, 1001, "")
	for _, packet := range []bpftest.Packet{synack, toServer, toClient} {
		if err := s.send(packet); err != nil {
			return flow{}, err
		}
	}
	if conn, _ = s.plane.Conn(id); bpf.State(conn.State) != bpf.DirectorConnStateSTATE_ESTABLISHED {
		return flow{}, fmt.Errorf("the connection of client %v is in state %d after its handshake", syn.Src, conn.State)
	}
	return flow{toServer.Bytes(), toClient.Bytes()}, nil
}

// establishMany opens connections to a new pool, and gives them in random
// order.
func (s *packets) establishMany(p pool, n int) ([]flow, error) {
	if err := p.put(s.plane); err != nil {
		return nil, err
	}
	flows := make([]flow, n)
	for i := range flows {
		var err error
		if flows[i], err = s.establish(p, i); err != nil {
			return nil, err
		}
	}
	rand.New(rand.NewPCG(1, uint64(n))).Shuffle(n, func(i, j int) { flows[i], flows[j] = flows[j], flows[i] })
	return flows, nil
}
