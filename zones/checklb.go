package zones

import (
	"math"

	"github.com/miekg/dns"
)

// lb checks an LB record against its zone.
func (c *checker) lb(r *LBRecord) {
	if r.TTL == 0 {
		c.onLB(r, Error, "write the longest TTL that an answer may have, like 30", "LB at %s has a TTL of 0", r.Name)
	} else if shortest := uint32(r.LB.MinTTL.Seconds()); shortest > r.TTL {
		c.onLB(r, Error, "raise the TTL or lower min-ttl", "min-ttl=%d is longer than the record's TTL %d", shortest, r.TTL)
	}
	if mean := uint32(r.LB.MeanTTL.Seconds()); mean > 0 && r.TTL > 0 {
		c.meanTTL(r, mean)
	}
	if r.LB.Source == SRV {
		c.pool(r)
	}
	if r.LB.Empty == EmptyFallback {
		c.fallback(r)
	}
}

func (c *checker) meanTTL(r *LBRecord, mean uint32) {
	if mean > r.TTL {
		c.onLB(r, Error, "raise the TTL or lower mean-ttl", "mean-ttl=%d is longer than the record's TTL %d", mean, r.TTL)
	} else if shortest := uint32(r.LB.MinTTL.Seconds()); mean < shortest {
		c.onLB(r, Error, "raise mean-ttl or lower min-ttl", "mean-ttl=%d is shorter than min-ttl=%d", mean, shortest)
	}
}

// fallback checks the name that answers instead of an empty pool.
func (c *checker) fallback(r *LBRecord) {
	name := r.LB.Fallback
	const remedy = "name A or AAAA records of this zone"
	n := c.find(name)
	switch {
	case !c.inside(name):
		c.onLB(r, Error, remedy, "empty=%s is not in the zone %s", name, c.origin)
	case name == r.Name:
		c.onLB(r, Error, remedy, "empty=%s is the record's own name", name)
	case c.delegation(name) != nil:
		c.onLB(r, Error, remedy, "empty=%s is in a delegated zone", name)
	case n != nil && len(n.lbs) > 0:
		c.chain(r)
	case c.tornName(name):
	case n == nil:
		c.onLB(r, Error, "add an A or AAAA record for it, or correct the name", "empty=%s does not exist", name)
	case !n.hasAddress() && n.first(dns.TypeCNAME) == nil:
		c.onLB(r, Warning, "add an A or AAAA record for it", "empty=%s has no address", name)
	}
}

// maxFallback is how many LB records may fall back one to the next.
const maxFallback = 4

// chain follows an LB record that falls back to another LB record.
func (c *checker) chain(r *LBRecord) {
	next := r
	for range maxFallback {
		n := c.find(next.LB.Fallback)
		if n == nil || len(n.lbs) == 0 {
			return
		}
		if next = n.lbs[0]; next == r {
			c.onLB(r, Error, "let one of them fall back to A or AAAA records", "empty=%s leads back to %s", r.LB.Fallback, r.Name)
			return
		}
		if next.LB.Empty != EmptyFallback {
			return
		}
	}
	c.onLB(r, Error, "let one of them fall back to A or AAAA records", "empty=%s is followed by more than %d others", r.LB.Fallback, maxFallback-1)
}

// pools are the owners of SRV records that LB records use.
func (z *Zone) pools() map[string]bool {
	owners := map[string]bool{}
	for _, r := range z.LBs {
		if r.LB.Source == SRV {
			owners[r.LB.Name] = true
		}
	}
	return owners
}

// pool checks the SRV records that an LB record takes its pool from.
func (c *checker) pool(r *LBRecord) {
	owner := r.LB.Name
	set := c.nodes[owner].of(dns.TypeSRV)
	switch {
	case !c.inside(owner):
		c.onLB(r, Error, "name SRV records of this zone, or use `LB consul`", "LB srv %s is not in the zone %s", owner, c.origin)
		return
	case c.tornName(owner):
		return
	case len(set) == 0 && c.nodes[owner] == nil:
		c.onLB(r, Error, "add records like `_http._tcp 60 IN SRV 10 5 8080 web1`", "LB srv %s does not exist", owner)
		return
	case len(set) == 0:
		c.onLB(r, Error, "add records like `_http._tcp 60 IN SRV 10 5 8080 web1`", "LB srv %s has no SRV records", owner)
		return
	case len(set) > math.MaxUint16:
		c.onLB(r, Error, "split it into several", "LB srv %s has more than %d servers", owner, math.MaxUint16)
		return
	}
	seen := map[string]*Record{}
	for _, srv := range set {
		c.member(r, srv, seen)
	}
}

// member checks one server of a pool. It is reported where the SRV stands.
func (c *checker) member(r *LBRecord, srv *Record, seen map[string]*Record) {
	rr := srv.RR.(*dns.SRV)
	name, id := target(rr), serverID(rr)
	if first := seen[id]; first != nil {
		c.on(srv, Error, "keep one of them", "server %s of LB %s is there already, on %s", id, r.Name, where(srv.File, first))
	}
	seen[id] = srv
	n := c.find(name)
	probe := r.LB.Probe()
	switch {
	case name == ".":
		c.on(srv, Error, "name a server, or remove the record", "SRV of LB %s says that there is no server", r.Name)
	case rr.Port == 0 && probe.Port == 0 && probe.Kind != CheckNone && probe.Kind != CheckExec:
		c.on(srv, Error, "write its port, or give one like `check=tcp:9000`", "server %s of LB %s has port 0, which cannot be checked", id, r.Name)
	case !c.inside(name):
		c.on(srv, Error, "add an A record for it under a name of this zone, or use `LB consul`",
			"server %s of LB %s is not in the zone %s, so its address is not known", name, r.Name, c.origin)
	case n.first(dns.TypeCNAME) != nil:
		c.on(srv, Error, "point SRV to the name with the address (RFC 2782)", "server %s of LB %s is a CNAME", name, r.Name)
	case n.first(dns.TypeA, dns.TypeAAAA) == nil && !c.tornName(name):
		c.on(srv, Error, "add an A or AAAA record for it", "server %s of LB %s has no address", name, r.Name)
	}
}
