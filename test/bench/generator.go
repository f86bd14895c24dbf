package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// generator is the load generator for machines without dnsperf.
type generator struct{}

func (*generator) String() string { return "the built-in load generator" }

func (*generator) load(ctx context.Context, addr string, queries int) (tally, error) {
	packet, err := question(dns.TypeA).Pack()
	if err != nil {
		return tally{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	answered := make([]int, sockets)
	start := time.Now()
	for i := range sockets {
		share := queries/sockets + min(1, max(0, queries%sockets-i))
		g.Go(func() (err error) {
			answered[i], err = askMany(ctx, addr, packet, share)
			return err
		})
	}
	err = g.Wait()
	t := tally{elapsed: time.Since(start)}
	for _, n := range answered {
		t.answered += n
	}
	return t, err
}

// askMany sends queries from one socket, a new one for each answer, and
// returns how many were answered without an error.
func askMany(ctx context.Context, addr string, packet []byte, queries int) (answered int, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	a := asker{conn: conn, query: append([]byte(nil), packet...), left: queries}
	for a.left > 0 || a.open > 0 {
		for a.left > 0 && a.open < underWay/sockets {
			if err := a.send(); err != nil {
				return a.answered, err
			}
		}
		if err := a.receive(); err != nil {
			return a.answered, err
		}
	}
	return a.answered, nil
}

// asker is one socket with the queries that are under way.
type asker struct {
	conn  net.Conn
	query []byte
	buf   [4096]byte

	next     uint16        // query ID
	pending  [1 << 16]bool // by query ID
	open     int
	left     int
	answered int
}

func (a *asker) send() error {
	binary.BigEndian.PutUint16(a.query, a.next)
	if _, err := a.conn.Write(a.query); err != nil {
		return fmt.Errorf("ask %s: %w", a.conn.RemoteAddr(), err)
	}
	a.pending[a.next] = true
	a.next++
	a.open++
	a.left--
	return nil
}

// receive takes one answer. If there is none for a second, what is under way
// is lost.
func (a *asker) receive() error {
	if err := a.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	n, err := a.conn.Read(a.buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		a.open = 0
		clear(a.pending[:])
		return nil
	}
	if err != nil {
		return fmt.Errorf("answer of %s: %w", a.conn.RemoteAddr(), err)
	}
	if n < 12 { // RFC 1035 section 4.1.1
		return nil
	}
	id := binary.BigEndian.Uint16(a.buf[:])
	if !a.pending[id] {
		return nil
	}
	a.pending[id] = false
	a.open--
	if a.buf[3]&0x0f == dns.RcodeSuccess {
		a.answered++
	}
	return nil
}
