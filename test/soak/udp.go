package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// openLimit is how many questions a socket has open at most, so that neither side
// drops packets: all sockets' together fit into the usual receive buffer.
const (
	udpSockets = 8
	openLimit  = 24
)

// udpAsker asks from one socket, at a steady pace.
type udpAsker struct {
	bench     *examiner
	questions *questions
	conn      net.Conn
	rate      float64 // a second

	mu   sync.Mutex
	open map[uint16]oracle.Asked
	next uint16
}

// run asks until ctx ends, and then until all that is open is answered or lost.
func (a *udpAsker) run(ctx context.Context) error {
	var g errgroup.Group
	asking := make(chan struct{})
	g.Go(func() error {
		defer close(asking)
		return a.ask(ctx)
	})
	g.Go(func() error { return a.listen(asking) })
	return g.Wait()
}

// ask sends as many questions as the time that went by is worth.
func (a *udpAsker) ask(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	last, due := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			due = min(due+a.rate*now.Sub(last).Seconds(), openLimit)
			last = now
			for ; due >= 1; due-- {
				if err := a.send(); err != nil {
					return err
				}
			}
		}
	}
}

// send sends one question, unless too many are open.
func (a *udpAsker) send() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.open) >= openLimit {
		a.bench.tally.held.Add(1)
		return nil
	}
	for _, taken := a.open[a.next]; taken; _, taken = a.open[a.next] {
		a.next++
	}
	q := a.questions.next()
	packet, err := message(q, a.next)
	if err != nil {
		return err
	}
	a.open[a.next] = oracle.Asked{Question: q, Sent: a.bench.clock.now()}
	a.next++
	a.bench.tally.asked.Add(1)
	if _, err := a.conn.Write(packet); errors.Is(err, syscall.ECONNREFUSED) {
		a.conn.Write(packet) // an earlier one was refused, this one was not sent; lost while the process is away
	}
	return nil
}

// listen takes answers until nothing is open any more after the asking ended.
func (a *udpAsker) listen(asked <-chan struct{}) error {
	buf := make([]byte, 4096)
	for {
		empty := a.bench.clock.now() // what came before is read already, if the read waits
		a.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		n, err := a.conn.Read(buf)
		switch {
		case err == nil:
			a.take(buf[:n])
		case errors.Is(err, net.ErrClosed):
			return err
		}
		if errors.Is(err, os.ErrDeadlineExceeded) || a.bench.clock.now()-empty > time.Millisecond {
			a.expire(empty)
		}
		select {
		case <-asked:
			if a.count() == 0 {
				return nil
			}
		default:
		}
	}
}

func (a *udpAsker) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// take looks at one answer.
func (a *udpAsker) take(packet []byte) {
	received := a.bench.clock.now()
	if len(packet) < 2 {
		a.bench.tally.strays.Add(1)
		return
	}
	id := binary.BigEndian.Uint16(packet)
	a.mu.Lock()
	asked, ok := a.open[id]
	delete(a.open, id)
	a.mu.Unlock()
	if !ok {
		a.bench.tally.strays.Add(1)
		return
	}
	asked.Received = received
	a.bench.examine(asked, packet, "udp")
}

// expire gives up on the questions whose time was over when nothing was there to
// be read.
func (a *udpAsker) expire(now time.Duration) {
	a.mu.Lock()
	var lost []oracle.Asked
	for id, asked := range a.open {
		if now-asked.Sent > a.bench.patience {
			lost = append(lost, asked)
			delete(a.open, id)
		}
	}
	a.mu.Unlock()
	for _, asked := range lost {
		a.bench.lost(asked, "udp", "no answer")
	}
}

// unpack reads an answer.
func unpack(packet []byte) (*dns.Msg, error) {
	m := new(dns.Msg)
	return m, m.Unpack(packet)
}
