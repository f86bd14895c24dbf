package probe

import (
	"context"
	"net"
)

// newTCP passes when a TCP connection can be opened.
func newTCP(Spec) (ask, error) { return ask{checkTCP, addrPort}, nil }

func checkTCP(ctx context.Context, t Target) (Result, error) {
	conn, done, err := dial(ctx, "tcp", t.Addr)
	if err != nil {
		return Result{}, err
	}
	// Closing with a RST, as HAProxy's checks do, leaves no TIME_WAIT behind:
	// with thousands of servers those would fill the kernel's table.
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	done()
	return Result{}, nil
}
