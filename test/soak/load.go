package main

import (
	"context"
	"net"

	"github.com/ballast-lb/ballast/test/soak/oracle"
	"golang.org/x/sync/errgroup"
)

// tcpWorkers is how many connections there are at a time.
const tcpWorkers = 4

// ask asks all that is to be asked until ctx ends.
func (s *stage) ask(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range udpSockets {
		conn, err := net.Dial("udp", s.process.addr)
		if err != nil {
			return err
		}
		a := &udpAsker{
			bench: s.examiner, conn: conn, questions: newQuestions(s.settings.seed, uint64(100+i)),
			rate: s.settings.qps * (1 - s.settings.tcp) / udpSockets, open: map[uint16]oracle.Asked{},
		}
		g.Go(func() error {
			defer conn.Close()
			return a.run(ctx)
		})
	}
	if s.settings.tcp == 0 {
		return g.Wait()
	}
	for i := range tcpWorkers {
		a := &tcpAsker{
			bench: s.examiner, addr: s.process.addr, questions: newQuestions(s.settings.seed, uint64(200+i)),
			rate: s.settings.qps * s.settings.tcp / tcpWorkers,
		}
		g.Go(func() error { return a.run(ctx) })
	}
	return g.Wait()
}
