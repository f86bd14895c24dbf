//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Flows are connections to an Echo that stay open and exchange a byte now and
// then, to see that something else does them no harm. Each is an open file, and
// another in the Echo: for very many use StartEchoProcess.
type Flows struct {
	From    *Node
	Network string // tcp (default) or udp
	Addr    string
	Count   int           // how many; default 100
	Every   time.Duration // between two exchanges of a flow; default 1 s
	Timeout time.Duration // for an exchange; default 10 s
}

// FlowStats is how flows have fared.
type FlowStats struct {
	Open      int            // still
	Lost      map[Fault]int  // ended before Close, by kind
	Exchanged int64          // bytes that came back
	Missed    int64          // datagrams that did not, within the timeout
	Slowest   time.Duration  // of the exchanges: a lost packet shows as 200 ms or more
	Resent    int            // segments that the clients' TCP sent again
	Servers   map[string]int // flows by the server that answered
}

// FlowSet is flows that were opened.
type FlowSet struct {
	spec   Flows
	stop   context.CancelFunc
	ending sync.WaitGroup
	flows  []*flow

	exchanged, missed, slowest atomic.Int64
}

type flow struct {
	conn   net.Conn
	server string

	mu     sync.Mutex
	err    error // why it is lost
	resent int
}

func (f Flows) complete() Flows {
	if f.Network == "" {
		f.Network = "tcp"
	}
	if f.Count <= 0 {
		f.Count = 100
	}
	if f.Every <= 0 {
		f.Every = time.Second
	}
	if f.Timeout <= 0 {
		f.Timeout = 10 * time.Second
	}
	return f
}

// opening is how many flows are opened at a time: fewer than any backlog.
const opening = 64

// Open opens all flows, or none. They exchange until Close.
func (f Flows) Open(ctx context.Context) (*FlowSet, error) {
	f = f.complete()
	if err := allowFiles(f.Count + spareFiles); err != nil {
		return nil, fmt.Errorf("open %d flows: %w", f.Count, err)
	}
	s := &FlowSet{spec: f, flows: make([]*flow, f.Count)}
	group, open := errgroup.WithContext(ctx)
	group.SetLimit(opening)
	for i := range s.flows {
		group.Go(func() (err error) {
			s.flows[i], err = f.open(open)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		for _, one := range s.flows {
			if one != nil {
				_ = one.conn.Close()
			}
		}
		return nil, fmt.Errorf("open %d flows: %w", f.Count, err)
	}
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	for i, one := range s.flows {
		// Spread over the interval, so that they do not all speak at once.
		first := f.Every * time.Duration(i) / time.Duration(f.Count)
		s.ending.Go(func() { s.run(running, one, first) })
	}
	return s, nil
}

// spareFiles is what a process may have open beside its flows.
const spareFiles = 1000

// allowFiles raises the process's limit of open files where it is lower.
func allowFiles(count int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Cur >= uint64(count) {
		return nil
	}
	limit.Cur, limit.Max = uint64(count), max(limit.Max, uint64(count))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", count, err)
	}
	return nil
}

func (f Flows) open(ctx context.Context) (*flow, error) {
	limited, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	conn, err := f.From.Dial(limited, f.Network, f.Addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(f.Timeout)) // it is open
	server, _, err := greeted(conn, f.Network)
	if err != nil {
		_ = conn.Close() // it failed already
		return nil, fmt.Errorf("the server's name: %w", err)
	}
	return &flow{conn: conn, server: server}, nil
}

// run exchanges until ctx ends or the flow is lost.
func (s *FlowSet) run(ctx context.Context, one *flow, first time.Duration) {
	defer one.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = one.conn.SetDeadline(time.Unix(1, 0)) })()
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			one.note(nil)
			return
		case <-timer.C:
		}
		err := s.exchange(ctx, one)
		if ctx.Err() != nil {
			err = nil // it was ended
		} else if err == nil {
			timer.Reset(s.spec.Every)
			continue
		}
		one.note(err)
		return
	}
}

// exchange is one byte there and back. A datagram may be missed.
func (s *FlowSet) exchange(ctx context.Context, one *flow) error {
	start := time.Now()
	_ = one.conn.SetDeadline(start.Add(s.spec.Timeout)) // it is open
	err := exchange(one.conn, one.conn)
	if ctx.Err() != nil {
		return err // it may have been cut short
	}
	if err != nil && s.spec.Network == "udp" {
		s.missed.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	s.exchanged.Add(1)
	took := int64(time.Since(start))
	for old := s.slowest.Load(); took > old && !s.slowest.CompareAndSwap(old, took); {
		old = s.slowest.Load()
	}
	return nil
}

// note keeps what is known of a flow before its socket goes.
func (o *flow) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err, o.resent = err, resent(o.conn)
}

// resent is how many segments TCP sent more than once.
func resent(conn net.Conn) (count int) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // it fails for closed sockets only
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			count = int(info.Total_retrans)
		}
	})
	return count
}

// String is a few lines, as those of a Report.
func (s FlowStats) String() string {
	lost := 0
	for _, n := range s.Lost {
		lost += n
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d open, %d lost", s.Open, lost)
	writeFaults(&b, s.Lost)
	fmt.Fprintf(&b, "\n%d exchanged, %d missed, %.2f ms (slowest), %d segments resent\n",
		s.Exchanged, s.Missed, milliseconds(s.Slowest), s.Resent)
	writeServers(&b, s.Servers)
	return b.String()
}

// Stats is how they fare now.
func (s *FlowSet) Stats() FlowStats {
	stats := FlowStats{
		Exchanged: s.exchanged.Load(), Missed: s.missed.Load(),
		Slowest: time.Duration(s.slowest.Load()),
		Lost:    map[Fault]int{}, Servers: map[string]int{},
	}
	for _, one := range s.flows {
		one.mu.Lock()
		stats.Servers[one.server]++
		if one.err != nil {
			stats.Lost[faultOf(one.err)]++
		} else {
			stats.Open++
		}
		stats.Resent += max(one.resent, resent(one.conn))
		one.mu.Unlock()
	}
	return stats
}

// Close ends the flows and returns how they fared.
func (s *FlowSet) Close() FlowStats {
	s.stop()
	s.ending.Wait()
	return s.Stats()
}
