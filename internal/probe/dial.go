package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// dial connects to the address and binds the connection to ctx: reads and
// writes end when ctx does. The caller calls done, which closes it.
func dial(ctx context.Context, network string, addr netip.AddrPort) (conn net.Conn, done func(), err error) {
	if addr.Port() == 0 {
		return nil, nil, fmt.Errorf("%w: no port", ErrUnable)
	}
	dialer := net.Dialer{KeepAlive: -1}
	conn, err = dialer.DialContext(ctx, network, addr.String())
	if err != nil {
		return nil, nil, err
	}
	return conn, bind(ctx, conn), nil
}

// bind makes ctx's end the end of all waiting on conn, and returns what closes it.
func bind(ctx context.Context, conn interface {
	SetDeadline(time.Time) error
	Close() error
}) (done func()) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		stop()
		_ = conn.Close()
	}
}
