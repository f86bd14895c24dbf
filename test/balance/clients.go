//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// client is one of those who visit the service, session after session, each
// with the address that its resolver said.
type client struct {
	number   int
	resolver netip.AddrPort
	choose   *rand.Rand    // among addresses
	begins   time.Duration // after the load does
}

// everybody is all of them, spread over the resolvers. Resolvers come to life
// one after the other, over spread: with one TTL for all they would ask in step
// ever after.
func (st *stage) everybody(spread time.Duration) []*client {
	var all []*client
	turns := rand.New(rand.NewPCG(st.seed, ^uint64(0))).Perm(st.resolvers)
	for i, count := range zipf(st.clients, st.resolvers) {
		for range count {
			n := len(all)
			all = append(all, &client{
				number: n, resolver: netip.AddrPortFrom(st.resolver(i), dnsPort),
				choose: rand.New(rand.NewPCG(^st.seed, uint64(n))),
				begins: spread * time.Duration(turns[i]) / time.Duration(st.resolvers),
			})
		}
	}
	return all
}

// finder tells a client, by its resolver, where the service is.
type finder func(ctx context.Context, resolver netip.AddrPort, choose *rand.Rand) (netip.Addr, error)

// crowd runs all clients until ctx ends, and returns when they are gone.
func (st *stage) crowd(ctx context.Context, d *diary, spread time.Duration, find finder) {
	var running sync.WaitGroup
	for _, c := range st.everybody(spread) {
		running.Go(func() {
			pause(ctx, c.begins, d)
			for n := 0; ctx.Err() == nil; n++ {
				what, err := c.visit(ctx, st.lab.Client, find, session(st.settings, st.hit.CPU, c.number, n), d)
				if err != nil && ctx.Err() == nil {
					d.failed(what, err)
				}
			}
		})
	}
	running.Wait()
}

// under runs f while there is load, and returns when all clients are gone.
func (st *stage) under(d *diary, spread time.Duration, find finder, f func() error) error {
	ctx, leave := context.WithCancel(st.ctx)
	var crowd sync.WaitGroup
	crowd.Go(func() { st.crowd(ctx, d, spread, find) })
	defer crowd.Wait()
	defer leave()
	return f()
}

// visit is one session. A failure ends it; what tells its kind.
func (c *client) visit(ctx context.Context, from *lab.Node, find finder, all []page, d *diary) (what string, err error) {
	if !pause(ctx, all[0].think, d) {
		return "", nil
	}
	address, err := find(ctx, c.resolver, c.choose)
	if err != nil {
		return "dns", err
	}
	v, err := dialVisit(ctx, from, net.JoinHostPort(address.String(), fmt.Sprint(webPort)))
	if err != nil {
		return "connect", err
	}
	defer v.close()
	for i, p := range all {
		if i > 0 && !pause(ctx, p.think, d) {
			return "", nil
		}
		begun := time.Now()
		if err := v.page(p.hits); err != nil {
			return "http", err
		}
		d.page(time.Since(begun), p.hits)
	}
	return "", nil
}

// pause waits, and notes how late the waiting ended: by that the machine shows
// whether it keeps up with its clients. It is false if ctx ends first.
func pause(ctx context.Context, length time.Duration, d *diary) bool {
	due := time.Now().Add(length)
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		d.late(time.Since(due))
		return true
	}
}
