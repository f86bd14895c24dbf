package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// caseOf is one answer, judged by one zone. The model's lock is held.
type caseOf struct {
	model  *Model
	zone   *Zone
	asked  Asked
	answer *dns.Msg
}

func (c *caseOf) judge() *Wrong {
	qname := strings.ToLower(c.asked.Name)
	if !dns.IsSubDomain(c.zone.Origin, qname) {
		return c.checkCode(dns.RcodeRefused)
	}
	if !c.answer.Authoritative {
		return wrong(Flags, "AA", "not authoritative: %s", describe(c.answer))
	}
	p := c.zone.find(qname)
	records, w := c.checkAliases(p)
	if w != nil {
		return w
	}
	switch {
	case p.host != "":
		return c.judgeHost(p, records)
	case !p.exists && p.under != nil && c.answer.Rcode == dns.RcodeSuccess && c.model.waiting(p.under, c.asked):
		return c.judgeNegative(dns.RcodeSuccess, 1)
	case !p.exists:
		return c.judgeNegative(dns.RcodeNameError, c.zone.Negative)
	}
	if w := c.checkCode(dns.RcodeSuccess); w != nil {
		return w
	}
	switch lb := p.steered(c.asked.Type); {
	case lb != nil:
		return c.judgeSteered(p, lb, records)
	case p.name == nil || p.name.LB != nil || len(p.name.Sets[c.asked.Type]) == 0:
		return c.judgeNothing(records)
	}
	return c.judgeStatic(p, records)
}

// steered is the LB record that answers for a type, or nil.
func (p *place) steered(qtype uint16) *LB {
	switch {
	case p.below != nil && qtype == dns.TypeSRV:
		return p.below
	case p.name == nil || p.name.LB == nil:
		return nil
	case qtype == dns.TypeA || qtype == dns.TypeAAAA:
		return p.name.LB
	case qtype == dns.TypeSRV && !(p.wildcard && strings.HasPrefix(p.name.LB.Source, "consul ")):
		return p.name.LB
	}
	return nil
}

func (c *caseOf) checkCode(want int) *Wrong {
	if c.answer.Rcode != want {
		return wrong(Code, dns.RcodeToString[want], "%s", describe(c.answer))
	}
	return nil
}

// checkAliases checks the CNAME records that lead to a place, and returns what
// comes after them.
func (c *caseOf) checkAliases(p place) ([]dns.RR, *Wrong) {
	records := c.answer.Answer
	for _, a := range p.aliases {
		if len(records) == 0 {
			return nil, wrong(Records, a.owner+" CNAME "+a.target, "%s", describe(c.answer))
		}
		rr, ok := records[0].(*dns.CNAME)
		if !ok || !strings.EqualFold(rr.Hdr.Name, a.owner) || rr.Target != a.target {
			return nil, wrong(Records, a.owner+" CNAME "+a.target, "%v", records[0])
		}
		if rr.Hdr.Ttl != a.ttl {
			return nil, wrong(TTL, fmt.Sprint(a.ttl), "%v", rr)
		}
		records = records[1:]
	}
	return records, nil
}

func (c *caseOf) judgeStatic(p place, records []dns.RR) *Wrong {
	want := p.name.Sets[c.asked.Type]
	allowed := fmt.Sprintf("%s %d %s %s", p.owner, p.name.TTL, dns.TypeToString[c.asked.Type], strings.Join(want, ", "))
	var got []string
	for _, rr := range records {
		h := rr.Header()
		if h.Rrtype != c.asked.Type || !strings.EqualFold(h.Name, p.owner) {
			return wrong(Records, allowed, "%v", rr)
		}
		if h.Ttl != p.name.TTL {
			return wrong(TTL, allowed, "%v", rr)
		}
		got = append(got, strings.TrimPrefix(rr.String(), h.String()))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return wrong(Records, allowed, "%s", describe(c.answer))
	}
	return nil
}

// judgeNothing judges the answer at a name that exists and has nothing of the type.
func (c *caseOf) judgeNothing(records []dns.RR) *Wrong {
	if len(records) > 0 {
		return wrong(Records, "no data", "%s", describe(c.answer))
	}
	return c.judgeNegative(dns.RcodeSuccess, c.zone.Negative)
}

// judgeNegative judges that an answer is negative as it should be, with an SOA
// record that says for how long (RFC 2308).
func (c *caseOf) judgeNegative(rcode int, ttl uint32) *Wrong {
	if w := c.checkCode(rcode); w != nil {
		return w
	}
	if n := len(c.answer.Answer); n > 0 && c.answer.Answer[n-1].Header().Rrtype != dns.TypeCNAME {
		return wrong(Records, "no records", "%s", describe(c.answer))
	}
	if len(c.answer.Ns) != 1 {
		return wrong(Authority, "one SOA record", "%v", c.answer.Ns)
	}
	soa, ok := c.answer.Ns[0].(*dns.SOA)
	if !ok || soa.Hdr.Name != c.zone.Origin || soa.Serial < c.zone.Serial { // changes of pools move it on
		return wrong(Authority, fmt.Sprintf("SOA of %s with serial %d or later", c.zone.Origin, c.zone.Serial), "%v", c.answer.Ns[0])
	}
	if soa.Hdr.Ttl < 1 || soa.Hdr.Ttl > ttl {
		return wrong(Authority, fmt.Sprintf("a TTL of 1 to %d", ttl), "%v", soa)
	}
	return nil
}
