package main

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

// view is what there is to see at one moment.
type view struct {
	at      time.Time
	trouble string // why what follows is old or empty
	ttlWhy  string
	minTTL  time.Duration
	maxTTL  time.Duration
	mode    string
	sources []control.SourceStatus
	rows    []row
	answer  answer // the last one
	answers int    // that the given shares are counted over
}

// look makes a view of what the name server says, what was answered, and what
// the visitor did.
func look(now time.Time, s control.Status, err error, name string, c *cast, counted counts) view {
	v := view{at: now, sources: s.Sources, answer: counted.last, answers: counted.total}
	switch {
	case err != nil:
		v.trouble = err.Error()
	case counted.err != nil:
		v.trouble = counted.err.Error()
	}
	status := find(s, name)
	v.mode, v.ttlWhy = status.Mode, status.TTLWhy
	v.minTTL, v.maxTTL = status.MinTTL.Duration(), status.MaxTTL.Duration()
	for i, w := range c.webs {
		r := rowOf(status, w)
		r.count(now, counted, netip.MustParseAddr(w.ip))
		if i < len(c.agents) && !c.agents[i].running() {
			r.done = joined(r.done, "its agent does not run")
		}
		v.rows = append(v.rows, r)
	}
	if c.consul != nil && !c.consul.running() && v.trouble == "" {
		v.trouble = "Consul does not run; the last pool stays in use"
	}
	return v
}

func find(s control.Status, name string) control.NameStatus {
	for _, z := range s.Zones {
		for _, n := range z.Names {
			if n.Name == name {
				return n
			}
		}
	}
	return control.NameStatus{}
}

// ttl is the TTL line.
func (v view) ttl() string {
	text := fmt.Sprintf("TTL %d s", int(v.answer.ttl.Seconds()))
	if v.ttlWhy == "" {
		return text
	}
	return fmt.Sprintf("%s (%d to %d), %s", text, int(v.minTTL.Seconds()), int(v.maxTTL.Seconds()), v.ttlWhy)
}

// source says how old what the name server knows is.
func (v view) source() string {
	var b strings.Builder
	for i, s := range v.sources {
		if i > 0 {
			b.WriteString("; ")
		}
		if s.Confirmed.IsZero() {
			fmt.Fprintf(&b, "%s not heard of yet", s.Source)
		} else {
			fmt.Fprintf(&b, "%s confirmed %.1f s ago", s.Source, s.Age.Duration().Seconds())
		}
		if s.Err != "" {
			b.WriteString(", in trouble: " + s.Err)
		}
	}
	return b.String()
}

// lastAnswer lists the addresses of the last answer.
func (v view) lastAnswer() string {
	if len(v.answer.addrs) == 0 {
		return "none yet"
	}
	var texts []string
	for _, a := range v.answer.addrs {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

// differs tells whether w shows something that v did not: another state, a
// share that moved by a tenth, a TTL that halved or doubled.
func (v view) differs(w view) bool {
	if v.mode != w.mode || (v.trouble == "") != (w.trouble == "") || farTTL(v.answer.ttl, w.answer.ttl) {
		return true
	}
	return !slices.EqualFunc(v.rows, w.rows, func(a, b row) bool {
		return a.known == b.known && a.in == b.in && a.health == b.health && math.Abs(a.wanted-b.wanted) < 0.1
	})
}

func farTTL(a, b time.Duration) bool { return a >= 2*b && a > 0 || b >= 2*a && b > 0 }
