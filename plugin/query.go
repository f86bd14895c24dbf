package ballast

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// query is one question on its way to an answer.
type query struct {
	b     *Ballast
	ctx   context.Context
	w     dns.ResponseWriter
	r     *dns.Msg
	zone  *zone
	data  *zoneData
	qname string // of the question, in lower case

	port  uint16 // 0, or the port that the answer's servers must listen on
	scope int    // leading bits of the resolver key that the answer depends on
}

// family is what a query type asks of a pool.
func family(qtype uint16) policy.Family {
	switch qtype {
	case dns.TypeAAAA:
		return policy.AAAA
	case dns.TypeSRV:
		return policy.SRV
	}
	return policy.A
}

// steered answers a question at an LB name from its pool.
func (q *query) steered(s *steer) (int, error) {
	sv := s.served.Load()
	fam := family(q.r.Question[0].Qtype)
	choice := q.draw(s, sv, fam)
	s.queries[sv.plan.Mode].Add(1)
	if q.b.metadata {
		q.tellMetadata(sv, choice)
	}
	m := q.reply()
	if choice.N > 0 {
		m.Answer, m.Extra = sv.records(make([]dns.RR, 0, choice.N), sv.room(fam), fam, &choice)
	} else if sv.plan.Mode == policy.Fallback {
		m.Answer = q.fallback(s, fam, s.name, seconds(sv.plan.TTL))
	}
	if len(m.Answer) == 0 {
		m.Ns = q.data.negative(sv.negativeTTL())
	}
	return q.send(m)
}

// send writes a reply that is complete.
func (q *query) send(m *dns.Msg) (int, error) {
	if q.scope > 0 {
		setScope(q.r, q.scope)
	}
	if q.b.signer != nil && wantsSignatures(q.r) {
		q.prepare(m)
	}
	state := request.Request{Req: q.r, W: q.w}
	state.SizeAndDo(m) // now, as nsid would give a reply without OPT one that lacks the scope
	q.fit(m, state.Size())
	q.w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}

// draw asks the policy which members this query gets.
func (q *query) draw(s *steer, sv *served, fam policy.Family) policy.Choice {
	pq := policy.Query{Family: fam, Random: rand.Uint64(), Stable: q.b.signer != nil && wantsSignatures(q.r)}
	if sv.keyed { // key and time cost time
		pq.Key, pq.Now = resolverKey(q.w, q.r), time.Now()
	}
	choice := s.policy.Draw(sv.plan, pq)
	if q.port != 0 {
		choice = sv.onPort(choice, q.port)
	}
	if choice.N > 0 && fam < policy.SRV {
		s.metrics.adapted(choice.TTL)
	}
	if choice.Keyed {
		q.scope = max(q.scope, choice.Scope)
		if s.listens && q.b.hub.peering != nil {
			q.b.hub.peering.tell(s, sv.plan, &pq, &choice)
		}
	}
	return choice
}

// members appends the records that a pool gives now to an answer that got to
// it by another name, and makes owner their name.
func (q *query) members(s *steer, answer []dns.RR, fam policy.Family, owner string) (a, extra []dns.RR) {
	sv := s.served.Load()
	choice := q.draw(s, sv, fam)
	s.queries[sv.plan.Mode].Add(1)
	if q.b.metadata {
		q.tellMetadata(sv, choice)
	}
	first := len(answer)
	if choice.N > 0 {
		answer, extra = sv.records(answer, nil, fam, &choice)
	} else if sv.plan.Mode == policy.Fallback {
		answer = append(answer, q.fallback(s, fam, owner, seconds(sv.plan.TTL))...)
	}
	if owner != s.name {
		rename(answer[first:], owner)
	}
	return answer, extra
}

func (q *query) reply() *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q.r)
	m.Authoritative = true
	m.CheckingDisabled = false // RFC 4035 section 3.1.6
	return m
}

// wantsSignatures tells whether the client asks for DNSSEC. Then members come
// in a stable order, so that the dnssec plugin can reuse its signatures.
func wantsSignatures(r *dns.Msg) bool {
	opt := r.IsEdns0()
	return opt != nil && opt.Do()
}

// rename gives records another owner, by replacing them: those of a snapshot
// are shared.
func rename(rrs []dns.RR, owner string) {
	for i, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = owner
		rrs[i] = rr
	}
}
