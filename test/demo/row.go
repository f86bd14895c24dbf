package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
)

// row is one server.
type row struct {
	name, address string
	known         bool // to the name server; the rest of the numbers need it
	in            bool
	health        pool.Health
	load          *float64 // as reported; nil if nothing was
	weight        float64
	wanted, given float64 // shares, 0..1
	counted       bool    // given means something: there were enough answers
	gone          string  // how long it was in no answer, for one that is out
	why           string
	done          string // by the visitor
}

func rowOf(n control.NameStatus, w *web) row {
	r := row{name: w.name, address: w.address, done: w.state().String()}
	ip := netip.MustParseAddr(w.ip)
	for _, m := range n.Members {
		if !slices.Contains(m.Addrs, ip) {
			continue
		}
		r.known, r.in, r.health, r.load = true, m.In, m.Health, m.Load
		r.weight, r.wanted = m.Weight, m.Share
		if r.why = strings.Join(m.Why, "; "); r.why == "" && m.Health != pool.Passing {
			r.why = m.HealthWhy
		}
	}
	if !r.known {
		r.why = "not in the pool"
	}
	return r
}

func (r *row) count(now time.Time, c counts, addr netip.Addr) {
	r.given, r.counted = c.share(addr), c.total >= enough
	if seen, ok := c.seen[addr]; ok && !r.in {
		r.gone = fmt.Sprintf(", last given %.1f s ago", now.Sub(seen).Seconds())
	}
}

// note is the sentence below a server, or nothing: what matters most first,
// since a narrow terminal cuts it off.
func (r row) note() string {
	parts := []string{"", r.done, r.why}
	if !r.in {
		parts[0] = "out" + r.gone
	}
	return joined(parts...)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// loadText is the reported load, or a dash.
func (r row) loadText() string {
	if r.load == nil {
		return "-"
	}
	return loadText(*r.load)
}

// givenText is the share of the answers, or a dash while there are few.
func (r row) givenText() string {
	if !r.counted {
		return "-"
	}
	return percent(r.given)
}
