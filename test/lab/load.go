//go:build linux

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Load opens connections to an Echo at a fixed rate, whatever becomes of those
// before (open loop), and notes how each fared.
type Load struct {
	From    *Node
	Network string        // tcp (default) or udp
	Addr    string        // address and port
	Rate    int           // connections each second; default 100
	For     time.Duration // default 6 s
	Hold    time.Duration // how long each stays open once it was answered
	Timeout time.Duration // for connecting with the greeting, and for the last echo; default 5 s
}

// Fault is how a connection failed; empty if it did not.
type Fault string

// The ways to fail.
const (
	Refused     Fault = "refused"
	Reset       Fault = "reset"
	TimedOut    Fault = "timeout"
	Unreached   Fault = "unreachable"
	Closed      Fault = "closed" // by the other side, without a word
	OtherReason Fault = "other"
)

// Attempt is one connection.
type Attempt struct {
	At       time.Duration // when it began, since the load did
	Connect  time.Duration // until it was open; 0 if it never was
	Answered time.Duration // until the server had told its name; 0 if it did not
	Server   string        // that name
	Fault    Fault
	Err      error
}

func (l Load) complete() Load {
	if l.Network == "" {
		l.Network = "tcp"
	}
	if l.Rate <= 0 {
		l.Rate = 100
	}
	if l.For <= 0 {
		l.For = 6 * time.Second
	}
	if l.Timeout <= 0 {
		l.Timeout = 5 * time.Second
	}
	return l
}

// Run opens the connections and waits for the last. When ctx ends it opens no
// more, and the report holds those that ended by then.
func (l Load) Run(ctx context.Context) Report {
	l = l.complete()
	attempts := make([]Attempt, int(l.For.Seconds()*float64(l.Rate)))
	opened := 0
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var running sync.WaitGroup
	for i := range attempts {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(l.Rate))
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() { attempts[i] = l.attempt(ctx, begun) })
		opened++
	}
	running.Wait()
	var r Report
	for _, a := range attempts[:opened] {
		if !errors.Is(a.Err, context.Canceled) {
			r = append(r, a)
		}
	}
	return r
}

// attempt is one connection from its SYN to its end.
func (l Load) attempt(ctx context.Context, begun time.Time) (a Attempt) {
	start := time.Now()
	a.At = start.Sub(begun)
	limited, cancel := context.WithDeadline(ctx, start.Add(l.Timeout))
	defer cancel()
	conn, err := l.From.Dial(limited, l.Network, l.Addr)
	if err == nil {
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
		a.Connect = time.Since(start)
		_ = conn.SetDeadline(start.Add(l.Timeout)) // it is open
		var buffered *bufio.Reader
		if a.Server, buffered, err = greeted(conn, l.Network); err == nil {
			a.Answered = time.Since(start)
			err = l.hold(ctx, conn, buffered)
		}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Canceled
	}
	a.Err, a.Fault = err, faultOf(err)
	return a
}

// greeted waits for the server's name. A datagram server must be asked for it.
func greeted(conn net.Conn, network string) (string, *bufio.Reader, error) {
	reader, end := bufio.NewReaderSize(conn, 128), byte('\n')
	if network == "udp" {
		end = ' '
		if _, err := conn.Write([]byte("?")); err != nil {
			return "", nil, err
		}
	}
	name, err := reader.ReadString(end)
	if err != nil {
		return "", nil, err
	}
	if network == "udp" {
		reader.Reset(conn) // the rest of the datagram
	}
	return strings.TrimRight(name, " \n"), reader, nil
}

// hold keeps a connection open and then sees that it still works.
func (l Load) hold(ctx context.Context, conn net.Conn, reader io.Reader) error {
	if l.Hold <= 0 {
		return nil
	}
	timer := time.NewTimer(l.Hold)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	_ = conn.SetDeadline(time.Now().Add(l.Timeout)) // it is open
	return exchange(conn, reader)
}

// exchange sends a byte and waits for what comes back.
func exchange(conn net.Conn, reader io.Reader) error {
	if _, err := conn.Write([]byte("!")); err != nil {
		return err
	}
	_, err := reader.Read(make([]byte, 64))
	return err
}

// faults are what errors mean. ICMP errors come as several of them.
var faults = []struct {
	err   error
	fault Fault
}{
	{syscall.ECONNREFUSED, Refused},
	{syscall.ECONNRESET, Reset},
	{syscall.EPIPE, Reset},
	{syscall.ECONNABORTED, Reset},
	{syscall.EHOSTUNREACH, Unreached},
	{syscall.ENETUNREACH, Unreached},
	{syscall.EHOSTDOWN, Unreached},
	{syscall.ENOPROTOOPT, Unreached},
	{syscall.EACCES, Unreached}, // ICMPv6 administratively prohibited
	{syscall.ETIMEDOUT, TimedOut},
	{os.ErrDeadlineExceeded, TimedOut},
	{context.DeadlineExceeded, TimedOut},
	{io.EOF, Closed},
}

func faultOf(err error) Fault {
	if err == nil {
		return ""
	}
	for _, f := range faults {
		if errors.Is(err, f.err) {
			return f.fault
		}
	}
	return OtherReason
}

// String is one line.
func (a Attempt) String() string {
	if a.Err != nil {
		return fmt.Sprintf("at %.3f s: %s (%v)", a.At.Seconds(), a.Fault, a.Err)
	}
	return fmt.Sprintf("at %.3f s: %s after %v", a.At.Seconds(), a.Server, a.Answered)
}
