//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// How long a client waits for a connection, and for a page.
const (
	dialLimit = 10 * time.Second
	pageLimit = 30 * time.Second
)

// visit is a session's connection to its server. It speaks HTTP itself: a
// client of net/http would take the CPU that servers are to have.
type visit struct {
	conn   net.Conn
	reader *bufio.Reader
	stop   func() bool
}

func dialVisit(ctx context.Context, from *lab.Node, address string) (*visit, error) {
	limited, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := from.Dial(limited, "tcp", address)
	if err != nil {
		return nil, err
	}
	v := &visit{conn: conn, reader: bufio.NewReaderSize(conn, 1024)}
	v.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return v, nil
}

func (v *visit) close() {
	v.stop()
	_ = v.conn.Close() // nothing is unsaid
}

// page asks for hits, one after the other, each of which takes so much CPU.
func (v *visit) page(hits []time.Duration) error {
	if err := v.conn.SetDeadline(time.Now().Add(pageLimit)); err != nil {
		return err
	}
	for _, h := range hits {
		if err := v.hit(h); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) hit(cpu time.Duration) error {
	if _, err := fmt.Fprintf(v.conn, "GET /%d HTTP/1.1\r\nHost: www.example.org\r\n\r\n", cpu.Microseconds()); err != nil {
		return err
	}
	response, err := http.ReadResponse(v.reader, nil)
	if err != nil {
		return err
	}
	// The body is empty: nothing is left to be read before the next.
	if response.StatusCode != http.StatusOK || response.ContentLength != 0 {
		return fmt.Errorf("GET /%d: %s with %d bytes", cpu.Microseconds(), response.Status, response.ContentLength)
	}
	return response.Body.Close()
}
