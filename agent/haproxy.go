package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// The HAProxy listener writes one line to each connection and closes it.
const (
	haproxyTimeout = 2 * time.Second
	haproxyConns   = 64 // at a time; more are closed unanswered
)

// agentCheck is the line for HAProxy's agent-check (HAProxy configuration
// manual, server option "agent-check"): the weight in percent of the
// configured one is the headroom. A server that lives keeps at least 1%, for
// 0% means to send it nothing new: that is what drained says. The words drain
// and ready are avoided, since they would overrule what an operator set in
// HAProxy itself.
func agentCheck(s *state) string {
	switch {
	case s == nil:
		return "down #no sample yet\n"
	case s.report.Health == pool.Drained:
		return "up 0% #drained\n"
	case !s.report.Health.Alive():
		return "down #" + oneLine(s.report.Reason) + "\n"
	}
	headroom := math.Round((1 - s.report.Load) * 100)
	return fmt.Sprintf("up %d%%\n", int(min(max(1, headroom), 100)))
}

// oneLine keeps a reason printable ASCII on one short line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 120)]
}

func (a *agent) serveHAProxy(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	var answering sync.WaitGroup
	defer answering.Wait()
	free := make(chan struct{}, haproxyConns)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			var wait interface{ Temporary() bool }
			if errors.As(err, &wait) && wait.Temporary() {
				time.Sleep(10 * time.Millisecond) // out of file descriptors: as net/http does
				continue
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		select {
		case free <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		answering.Go(func() {
			defer func() { <-free }()
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(haproxyTimeout))
			_, _ = io.WriteString(conn, agentCheck(a.now.Load())) // HAProxy asks again
		})
	}
}
