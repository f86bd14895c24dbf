//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/test/lab"
)

// A stub resolver's patience, as in resolv.conf(5) but for the time.
const (
	askLimit = 2 * time.Second
	askTries = 2
)

// resolve asks a resolver for the service, and returns one of the addresses.
func (st *stage) resolve(ctx context.Context, resolver netip.AddrPort, choose *rand.Rand) (netip.Addr, error) {
	var err error
	for range askTries {
		var found []netip.Addr
		if found, err = ask(ctx, st.lab.Client, resolver); err == nil {
			return found[choose.IntN(len(found))], nil
		}
	}
	return netip.Addr{}, fmt.Errorf("ask %s: %w", resolver, err)
}

// ask asks for the service; an answer without addresses is an error.
func ask(ctx context.Context, from *lab.Node, server netip.AddrPort) (found []netip.Addr, err error) {
	answer, err := exchange(ctx, from, server, dns.TypeA, hostName)
	if err != nil {
		return nil, err
	}
	for _, rr := range answer.Answer {
		if a, ok := rr.(*dns.A); ok {
			if ip, ok := netip.AddrFromSlice(a.A.To4()); ok {
				found = append(found, ip)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no address for %s", dns.RcodeToString[answer.Rcode], hostName)
	}
	return found, nil
}

// exchange is one question and its answer.
func exchange(ctx context.Context, from *lab.Node, server netip.AddrPort, kind uint16, name string) (*dns.Msg, error) {
	conn, err := from.Dial(ctx, "udp", server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_ = conn.SetDeadline(time.Now().Add(askLimit)) // it is open
	question := new(dns.Msg).SetQuestion(name, kind)
	speaks := &dns.Conn{Conn: conn}
	if err := speaks.WriteMsg(question); err != nil {
		return nil, err
	}
	answer, err := speaks.ReadMsg()
	if err == nil && (answer.Id != question.Id || answer.Rcode != dns.RcodeSuccess) {
		err = fmt.Errorf("%s for %s", dns.RcodeToString[answer.Rcode], name)
	}
	return answer, err
}
