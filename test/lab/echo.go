//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Echo is a test server on one port, TCP and UDP, both families. A connection
// is greeted with the server's name and a newline; then it gets back what it
// sends. A datagram comes back with the name and a space before it.
type Echo struct {
	node *Node
	port int

	mu       sync.Mutex
	listener net.Listener // nil while stopped
	packets  net.PacketConn
	conns    map[net.Conn]bool
	running  sync.WaitGroup

	accepted, resets, datagrams atomic.Int64
}

// EchoStats is what a server counted in its life.
type EchoStats struct {
	Accepted  int64 // connections
	Open      int   // of them now
	Resets    int64 // of them that the other side reset
	Datagrams int64 // that were answered
}

// StartEcho starts a test server. Close ends it.
func (n *Node) StartEcho(port int) (*Echo, error) {
	e := &Echo{node: n, port: port, conns: map[net.Conn]bool{}}
	if err := e.Start(); err != nil {
		return nil, err
	}
	return e, nil
}

// Start listens again after Stop.
func (e *Echo) Start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.listener != nil {
		return nil
	}
	address := fmt.Sprintf(":%d", e.port)
	listener, err := e.node.Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	packets, err := e.node.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	e.listener, e.packets = listener, packets
	e.running.Go(func() { e.accept(listener) })
	e.running.Go(func() { e.answer(packets) })
	return nil
}

// Stop closes the port: SYNs are refused by RST, datagrams by ICMP. Connections
// live on.
func (e *Echo) Stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.listener == nil {
		return
	}
	_, _ = e.listener.Close(), e.packets.Close()
	e.listener, e.packets = nil, nil
}

// Reset ends the open connections with RST.
func (e *Echo) Reset() { e.end(0) }

// Close stops the server, ends its connections, and waits for its goroutines.
func (e *Echo) Close() {
	e.Stop()
	e.end(-1)
	e.running.Wait()
}

func (e *Echo) end(linger int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for conn := range e.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(linger) // it may have ended
		}
		_ = conn.Close()
	}
}

// Stats returns the counts.
func (e *Echo) Stats() EchoStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return EchoStats{
		Accepted: e.accepted.Load(), Open: len(e.conns),
		Resets: e.resets.Load(), Datagrams: e.datagrams.Load(),
	}
}

// acceptPause is how long to wait for others to close files when there are too
// many to accept one more, as net/http does.
const acceptPause = 10 * time.Millisecond

func (e *Echo) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		e.accepted.Add(1)
		if !e.keep(listener, conn) {
			_ = conn.Close() // accepted in the moment of Stop
			continue
		}
		e.running.Go(func() { e.serve(conn) })
	}
}

// keep remembers a connection unless the server was stopped meanwhile.
func (e *Echo) keep(listener net.Listener, conn net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.listener != listener {
		return false
	}
	e.conns[conn] = true
	return true
}

func (e *Echo) serve(conn net.Conn) {
	defer e.forget(conn)
	_, err := conn.Write([]byte(e.node.Name + "\n"))
	for buf := make([]byte, 512); err == nil; {
		var n int
		if n, err = conn.Read(buf); n > 0 {
			_, err = conn.Write(buf[:n])
		}
	}
	if errors.Is(err, syscall.ECONNRESET) {
		e.resets.Add(1)
	}
}

func (e *Echo) forget(conn net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, conn)
	_ = conn.Close()
}

func (e *Echo) answer(packets net.PacketConn) {
	for buf := make([]byte, 64<<10); ; {
		n, from, err := packets.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error for an earlier answer
		}
		e.datagrams.Add(1)
		reply := bytes.Join([][]byte{[]byte(e.node.Name), buf[:n]}, []byte(" "))
		_, _ = packets.WriteTo(reply, from) // a fault may forbid it
	}
}
