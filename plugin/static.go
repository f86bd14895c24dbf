package ballast

import (
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/file"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// typeNone is asked for to learn whether a name exists: a private-use type
// that no zone holds.
const typeNone uint16 = 0xFF00

// found is what a lookup in a zone's static data gave.
type found struct {
	answer, ns, extra []dns.RR
	result            file.Result
}

// static answers from the zone file's own records, and follows them to LB
// names: through a CNAME, or from a wildcard.
func (q *query) static() (int, error) {
	qtype := q.r.Question[0].Qtype
	if q.data.hasLB {
		if done, rcode, err := q.below(qtype); done {
			return rcode, err
		}
	}
	f := q.lookup(q.lookupType(qtype))
	if f.result == file.NameError && q.qname == q.zone.origin {
		f.result = file.NoData // SOA and NS, which the lookup knows apart, are there
	}
	if f.result == file.NameError && len(f.answer) == 0 && q.zone.cfg.fall.Through(q.qname) {
		return plugin.NextOrFailure(name, q.b.Next, q.ctx, q.w, q.r)
	}
	if q.data.hasLB && steerable(qtype) && f.unfinished(qtype) {
		f = q.throughLB(f, qtype)
	}
	if qtype == dns.TypeANY && f.result != file.NameError && f.result != file.Delegation {
		f = found{answer: q.any(f.answer)}
	}
	return q.write(f)
}

// lookupType is the type to look up. Nobody gets to see LB records, and ANY
// has a meaning of its own.
func (q *query) lookupType(qtype uint16) uint16 {
	if qtype == typeLB || qtype == dns.TypeANY {
		return typeNone
	}
	return qtype
}

// lookup asks the zone's static data. Our own types are asked for without
// following an alias out of the zone: nobody else needs to hear of them.
func (q *query) lookup(qtype uint16) found {
	r, zone := q.r, q.data.static
	if qtype != r.Question[0].Qtype {
		zone = q.data.inward
		r = &dns.Msg{MsgHdr: r.MsgHdr, Extra: r.Extra, Question: []dns.Question{
			{Name: r.Question[0].Name, Qtype: qtype, Qclass: r.Question[0].Qclass},
		}}
	}
	var f found
	state := request.Request{W: q.w, Req: r}
	f.answer, f.ns, f.extra, f.result = zone.Lookup(q.ctx, state, q.qname)
	return f
}

func steerable(qtype uint16) bool {
	return qtype == dns.TypeA || qtype == dns.TypeAAAA || qtype == dns.TypeSRV
}

// unfinished tells that an answer may go on at an LB name: nothing was found at
// an existing name, or a chain of CNAMEs ends without data.
func (f *found) unfinished(qtype uint16) bool {
	if f.result == file.NameError || f.result == file.Delegation {
		return false
	}
	return len(f.answer) == 0 || f.answer[len(f.answer)-1].Header().Rrtype != qtype
}

// throughLB looks the name up again as an LB name. If one is at the end, the
// records of its pool take the place of the LB record.
func (q *query) throughLB(f found, qtype uint16) found {
	lb := q.lookup(typeLB)
	last := len(lb.answer) - 1
	if last < 0 || lb.answer[last].Header().Rrtype != typeLB {
		return f
	}
	owner := lb.answer[last].Header().Name
	s := q.data.steerOf(strings.ToLower(owner))
	if s == nil {
		return f
	}
	if last == 0 { // the wildcard itself: its records carry the name as it was asked
		owner = q.r.Question[0].Name
	}
	f.answer, f.extra = q.members(s, lb.answer[:last:last], family(qtype), owner)
	f.result, f.ns = file.Success, nil
	if len(f.answer) == last {
		f.result, f.ns = file.NoData, q.data.negative(s.served.Load().negativeTTL())
	}
	return f
}

// steerOf returns the steer of an owner name, be it synthesized from a
// wildcard (RFC 4592).
func (d *zoneData) steerOf(owner string) *steer {
	if s := d.steers[owner]; s != nil {
		return s
	}
	for off, end := dns.NextLabel(owner, 0); !end; off, end = dns.NextLabel(owner, off) {
		if s := d.steers["*."+owner[off:]]; s != nil {
			return s
		}
	}
	return nil
}

// write sends what was found, with the rules of RFC 2308 for negative answers.
func (q *query) write(f found) (int, error) {
	m := q.reply()
	// Clipped, as slices of the zone's have room that others may append into.
	m.Answer, m.Ns, m.Extra = slices.Clip(f.answer), slices.Clip(f.ns), slices.Clip(f.extra)
	switch f.result {
	case file.NameError:
		m.Rcode = dns.RcodeNameError
	case file.Delegation:
		m.Authoritative = len(m.Answer) > 0
	case file.ServerFailure:
		if len(m.Answer) == 0 {
			return dns.RcodeServerFailure, nil
		}
		m.Rcode = dns.RcodeServerFailure
	}
	q.capNegativeTTL(m.Ns)
	return q.send(m)
}

// capNegativeTTL gives the SOA of a negative answer the TTL of RFC 2308
// section 3. Apex.soa makes the slice anew for each answer.
func (q *query) capNegativeTTL(ns []dns.RR) {
	for i, rr := range ns {
		if rr.Header().Rrtype == dns.TypeSOA && rr.Header().Ttl > q.data.soa.Hdr.Ttl {
			ns[i] = q.data.soa
		}
	}
}

// any is the answer to ANY at a name: its CNAME, or something small.
func (q *query) any(answer []dns.RR) []dns.RR {
	if len(answer) > 0 {
		return answer[:1]
	}
	return []dns.RR{anyRecord(q.r.Question[0].Name)}
}

// anyRecord is the answer to ANY for a name that exists (RFC 8482 section 4.2).
func anyRecord(owner string) dns.RR {
	return &dns.HINFO{
		Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3600},
		Cpu: "RFC8482",
	}
}
