// Package pool holds the words that the name server, the director and the
// agent share: servers, pools, and the sources that pools come from. It does
// no I/O and imports nothing of the rest of Ballast.
package pool

import (
	"net/netip"
	"slices"
	"time"
)

// Pool is a service with its servers at one moment. A Pool that has been
// handed over is never written to again.
type Pool struct {
	Service string   // the service's name: Consul's, or the owner of the SRV records
	Servers []Server // sorted by ID
	At      time.Time
}

// Server is one real server: one instance of a service.
type Server struct {
	ID    string       // unique in its pool and stable over restarts
	Node  string       // the machine, where the source knows it
	Host  string       // domain name of the SRV target; empty if the source has addresses only
	Addrs []netip.Addr // at least one; at most a few, of either family
	Port  uint16
	Tier  uint16 // failover tier: the lowest tier with live servers answers (RFC 2782 priority)

	// Capacity is how much the server can take relative to the others of its
	// pool; 0 means it takes nothing.
	Capacity float64
	// WarningFactor is the share of its capacity that the server keeps while
	// its health is Warning, in (0, 1]; 0 leaves it to the policy.
	WarningFactor float64

	Health Health
	Reason string        // why Health is what it is, for people
	Since  time.Time     // when Health last changed; zero if never seen to change
	Flip   time.Duration // shortest time in which Health could change; 0 if unknown

	// Wavering says that the latest checks contradict Health, so that it
	// changes in Flip if that goes on.
	Wavering bool

	Load Load
}

// Load is what a server's agent, or the server itself, reported last.
type Load struct {
	Value       float64 // utilisation, 0..1 and above when overloaded
	Connections int
	At          time.Time // when it was known to hold; zero if nothing was reported
	Boot        string    // changes when the server's machine or service restarted
}

// Known tells whether anything was reported.
func (l Load) Known() bool { return !l.At.IsZero() }

// Age is how old the report is at now. It is 0 for a report from the future
// (clocks differ) and meaningless unless Known.
func (l Load) Age(now time.Time) time.Duration { return max(0, now.Sub(l.At)) }

// Equal tells whether the two pools would be served alike. Times of
// confirmation (Pool.At and Load.At) do not count, except that a load which
// became known or unknown is a difference.
func (p *Pool) Equal(q *Pool) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Service == q.Service && slices.EqualFunc(p.Servers, q.Servers, equalServers)
}

func equalServers(a, b Server) bool {
	return a.ID == b.ID && a.Node == b.Node && a.Host == b.Host &&
		slices.Equal(a.Addrs, b.Addrs) && a.Port == b.Port && a.Tier == b.Tier &&
		a.Capacity == b.Capacity && a.WarningFactor == b.WarningFactor &&
		a.Health == b.Health && a.Reason == b.Reason && a.Flip == b.Flip && a.Wavering == b.Wavering &&
		a.Load.Known() == b.Load.Known() && a.Load.Value == b.Load.Value &&
		a.Load.Connections == b.Load.Connections && a.Load.Boot == b.Load.Boot
}

// Find returns the server with that ID, or nil.
func (p *Pool) Find(id string) *Server {
	if p == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(p.Servers, id, func(s Server, id string) int {
		switch {
		case s.ID < id:
			return -1
		case s.ID > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &p.Servers[i]
}
