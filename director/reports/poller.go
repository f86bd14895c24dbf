package reports

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// poller asks one server's agent again and again, in a goroutine of its own.
type poller struct {
	member  *member
	addrs   []netip.Addr
	options *Options
	asker   asker
	slots   chan struct{} // one is taken while asking
	nudge   <-chan struct{}
	backoff pace.Backoff
	next    int // index of the address to ask
	failed  int // failures in a row
}

// outcome is what one question came to.
type outcome struct {
	member *member
	report pool.Report
	err    error
	at     time.Time
}

func (p *poller) run(ctx context.Context, out chan<- outcome) {
	defer p.asker.close()
	timer := time.NewTimer(time.Duration(p.options.Random() * float64(p.options.Interval))) // not all at once
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.nudge:
			p.backoff.Reset()
		case <-timer.C:
		}
		began := time.Now()
		o, ok := p.ask(ctx)
		if !ok {
			return
		}
		select {
		case out <- o:
		case <-ctx.Done():
			return
		}
		timer.Reset(p.wait(o.err) - time.Since(began))
	}
}

// ask asks once, and not ok if ctx ended meanwhile.
func (p *poller) ask(ctx context.Context) (o outcome, ok bool) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return o, false
	}
	defer func() { <-p.slots }()
	limited, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	at := netip.AddrPortFrom(p.addrs[p.next], p.options.Port)
	report, err := p.asker.ask(limited, at)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", p.options.Timeout)
	}
	if err != nil {
		err = fmt.Errorf("agent at %v: %w", at, err)
	}
	return outcome{member: p.member, report: report, err: err, at: time.Now()}, ctx.Err() == nil
}

// wait is the time from one question to the next. Each address gets its turn
// before the back-off begins.
func (p *poller) wait(err error) time.Duration {
	usual := pace.Jitter(p.options.Interval, 0.1, p.options.Random())
	if err == nil {
		p.failed = 0
		p.backoff.Reset()
		return usual
	}
	p.next = (p.next + 1) % len(p.addrs)
	if p.failed++; p.failed < len(p.addrs) {
		return usual
	}
	return max(usual, p.backoff.Fail(time.Now(), p.options.Random()))
}
