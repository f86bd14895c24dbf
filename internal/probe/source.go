package probe

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

const (
	// loadPace is the shortest time between two pools that differ in load
	// alone: thousands of servers that report it would otherwise copy the pool
	// thousands of times a second.
	loadPace = 200 * time.Millisecond
	// refresh is how long a published reason, or the time of a load whose
	// value did not change, may lag behind.
	refresh = 10 * time.Second
)

// Source probes the servers of one service and hands over the pools that
// result. It implements pool.Source.
//
// All addresses are asked at once when it starts. The first pool comes when
// each of them has answered or timed out, so that no answer rests on a guess;
// if the seed knew them all it comes at once. From then on the checks are
// spread evenly over the interval, and each pool differs from the one before:
// a changed health, address or Flip is handed over at once, a changed load
// within 200 ms, and after 10 s also a reason that reads differently and the
// newer Load.At of a load that is the same, since how old a load is matters
// to those who use it. Several changes that arrive together come as one pool.
//
// Beside Run's goroutine there are only those of the checks that run just
// then, so ten thousand servers that are asked every two seconds cost little
// between their checks. A check that cannot be made (ErrUnable) leaves its server as it was and shows in Status.
type Source struct {
	service string
	check   Check
	options Options
	servers []server // sorted by ID; Run's alone
	seeded  bool     // every address's health was known at the start
	record  record
}

var _ pool.Source = (*Source)(nil)

// NewSource makes a source for the service's servers. What it is told of
// their health is ignored, except in seed: the pool from before a reload, or
// nil. A server that is in it with the same ID, port and address goes on from
// there, a new one starts as unknown.
func NewSource(service string, servers []pool.Server, check Check, o Options, seed *pool.Pool) *Source {
	addresses := 0
	for _, s := range servers {
		addresses += len(s.Addrs)
	}
	s := &Source{service: service, check: check, options: o.withDefaults(addresses), seeded: seed != nil}
	for _, v := range servers {
		s.servers = append(s.servers, newServer(v, seed.Find(v.ID), s.options))
	}
	slices.SortFunc(s.servers, func(a, b server) int { return cmp.Compare(a.now.ID, b.now.ID) })
	for i := range s.servers {
		s.seeded = s.seeded && s.servers[i].known()
	}
	if s.seeded {
		s.record.confirmed = seed.At
	}
	s.record.stats.Addresses = addresses
	s.record.static = addresses == 0
	return s
}

// Run probes until ctx ends, and returns nil when the last check has.
func (s *Source) Run(ctx context.Context, publish func(*pool.Pool)) error {
	l := newLoop(s, publish)
	defer l.checks.Wait()
	l.run(ctx)
	return nil
}

// Status tells when every address had last been asked, and in Err what is
// wrong if all checks fail or some cannot be made.
func (s *Source) Status() pool.Status { return s.record.status("srv " + s.service) }

// Stats returns the counters. It may be called at any time.
func (s *Source) Stats() Stats { return s.record.statsNow() }

// pool is a copy of the servers as they are now.
func (s *Source) pool(at time.Time) *pool.Pool {
	p := &pool.Pool{Service: s.service, Servers: make([]pool.Server, len(s.servers)), At: at}
	for i := range s.servers {
		p.Servers[i] = s.servers[i].now
	}
	return p
}
