package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/ballast-lb/ballast/test/difftest/judge"

	"github.com/miekg/dns"
)

// asker asks all servers of a stage, one question at a time.
type asker struct {
	zones []placed
	procs []*process
	conns []net.Conn // one for each
	buf   []byte
	next  uint16
}

func (s *stage) newAsker(ctx context.Context) (*asker, error) {
	a := &asker{zones: s.zones, procs: s.procs, buf: make([]byte, dns.MaxMsgSize)}
	for _, p := range s.procs {
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", p.addr)
		if err != nil {
			a.close()
			return nil, err
		}
		a.conns = append(a.conns, conn)
	}
	return a, nil
}

func (a *asker) close() {
	for _, conn := range a.conns {
		conn.Close()
	}
}

// ask gives the answers in the order of the servers. What does not fit into a
// datagram is asked for by TCP.
func (a *asker) ask(ctx context.Context, m *dns.Msg) ([]*judge.Answer, error) {
	a.next++
	m.Id = a.next
	packet, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("pack the question %s: %w", &m.Question[0], err)
	}
	for i, conn := range a.conns {
		if _, err := conn.Write(packet); err != nil {
			return nil, fmt.Errorf("ask %s: %w", a.procs[i].name, err)
		}
	}
	answers := make([]*judge.Answer, len(a.conns))
	for i := range a.conns {
		first, err := a.receive(i, packet)
		var whole *dns.Msg
		if err == nil && first.Truncated {
			c := &dns.Client{Net: "tcp", Timeout: 5 * time.Second}
			if whole, _, err = c.ExchangeContext(ctx, m, a.procs[i].addr); err != nil {
				err = fmt.Errorf("by TCP: %w", err)
			}
		}
		if err != nil {
			answers[i] = judge.NoAnswer(err)
			continue
		}
		answers[i] = judge.NewAnswer(first, whole)
	}
	return answers, nil
}

// receive reads the answer to the present question, and asks again when there
// is none.
func (a *asker) receive(i int, packet []byte) (*dns.Msg, error) {
	conn := a.conns[i]
	for range 5 {
		conn.SetReadDeadline(time.Now().Add(time.Second))
		n, err := conn.Read(a.buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if _, err := conn.Write(packet); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		var m dns.Msg
		if err := m.Unpack(a.buf[:n]); err != nil {
			return nil, fmt.Errorf("answer cannot be read: %w", err)
		}
		if m.Id == a.next {
			return &m, nil
		}
	}
	return nil, errors.New("no answer")
}
