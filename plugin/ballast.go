package ballast

import (
	"context"
	"fmt"
	"strings"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/dnssec"
	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

// Ballast is the plugin's handler for one server block.
type Ballast struct {
	Next plugin.Handler

	hub      *hub
	zones    zoneSet
	metadata bool           // the metadata plugin is on: tell it what was chosen
	signer   *dnssec.Dnssec // the dnssec plugin, if it is on
}

// Name implements plugin.Handler.
func (b *Ballast) Name() string { return name }

// ServeDNS implements plugin.Handler. It waits for nothing, logs nothing and
// asks nobody: all it reads are immutable snapshots.
func (b *Ballast) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	question := &r.Question[0]
	qname := strings.ToLower(question.Name) // no copy if it is lower case already
	z := b.zones.match(qname)
	if z == nil {
		return plugin.NextOrFailure(name, b.Next, ctx, w, r)
	}
	if r.Opcode != dns.OpcodeQuery {
		return dns.RcodeNotImplemented, nil
	}
	if question.Qclass != dns.ClassINET {
		return dns.RcodeRefused, nil
	}
	if question.Qtype == dns.TypeDS && qname == z.origin {
		z = b.zones.parent(z)
	}
	if !readEDNS(r) {
		return dns.RcodeFormatError, nil
	}
	q := query{b: b, ctx: ctx, w: w, r: r, zone: z, data: z.data.Load(), qname: qname}
	switch question.Qtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeSRV:
		if s := q.data.steers[qname]; s != nil {
			return q.steered(s)
		}
	case dns.TypeAXFR, dns.TypeIXFR:
		// The transfer plugin takes these; without it none is allowed.
		return dns.RcodeRefused, nil
	}
	return q.static()
}

func (b *Ballast) setTransfer(t *transfer.Transfer) {
	for _, z := range b.zones {
		z.openTransfer(t)
	}
}

// zoneSet finds the zone of a name.
type zoneSet map[string]*zone

func (s *zoneSet) add(z *zone) error {
	if *s == nil {
		*s = zoneSet{}
	}
	if other, ok := (*s)[z.origin]; ok {
		return fmt.Errorf("zone %s is served from %s already; name it in one ballast directive", z.origin, other.cfg.file)
	}
	(*s)[z.origin] = z
	return nil
}

// parent is the zone that a DS question at z's origin is for: the one above if
// it is served here too (RFC 4035 section 3.1.4.1).
func (s zoneSet) parent(z *zone) *zone {
	if off, end := dns.NextLabel(z.origin, 0); !end {
		if parent := s.match(z.origin[off:]); parent != nil {
			return parent
		}
	}
	return z
}

// match returns the zone with the longest origin that qname, in lower case, is
// in, or nil.
func (s zoneSet) match(qname string) *zone {
	for off, end := 0, false; !end; off, end = dns.NextLabel(qname, off) {
		if z, ok := s[qname[off:]]; ok {
			return z
		}
	}
	return s["."]
}
