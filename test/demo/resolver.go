package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// The client asks often enough that window answers are ten seconds.
const (
	askEvery   = 50 * time.Millisecond
	askTimeout = time.Second
)

// resolver asks the name server for one name, as many clients would.
type resolver struct {
	server, name string
	tally        *tally
}

// Run asks until ctx ends.
func (r *resolver) Run(ctx context.Context) error {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		if a, err := r.ask(ctx); err == nil {
			r.tally.add(a, time.Now())
		} else if ctx.Err() == nil {
			r.tally.fail(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// ask puts one question. An answer without addresses is no error.
func (r *resolver) ask(ctx context.Context) (answer, error) {
	client := dns.Client{Timeout: askTimeout}
	query := new(dns.Msg).SetQuestion(r.name, dns.TypeA)
	reply, _, err := client.ExchangeContext(ctx, query, r.server)
	if err != nil {
		return answer{}, fmt.Errorf("ask %s for %s: %w", r.server, r.name, err)
	}
	if reply.Rcode != dns.RcodeSuccess {
		return answer{}, fmt.Errorf("ask %s for %s: %s", r.server, r.name, dns.RcodeToString[reply.Rcode])
	}
	var a answer
	for _, rr := range reply.Answer {
		record, ok := rr.(*dns.A)
		if !ok {
			continue
		}
		if addr, ok := netip.AddrFromSlice(record.A.To4()); ok {
			a.addrs = append(a.addrs, addr)
			a.ttl = time.Duration(record.Hdr.Ttl) * time.Second
		}
	}
	return a, nil
}
