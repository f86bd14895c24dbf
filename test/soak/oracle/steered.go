package oracle

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxSRV is how many servers an SRV answer holds at most.
const maxSRV = 32

// judgeSteered judges the answer at an LB name, which other names may lead to.
func (c *caseOf) judgeSteered(p place, lb *LB, records []dns.RR) *Wrong {
	if c.model.ignorant(lb, c.asked) {
		return c.judgeIgnorant(records)
	}
	v := c.model.look(c.zone, lb, c.asked)
	if c.asked.Type == dns.TypeSRV {
		return c.judgeServices(p, lb, v, records)
	}
	family := 0
	if c.asked.Type == dns.TypeAAAA {
		family = 1
	}
	for _, rr := range records {
		if w := c.checkMember(p.owner, lb, rr); w != nil {
			return w
		}
		if addr := addressOf(rr); v.addrs[addr] == "" {
			return wrong(Stranger, v.allowed(), "%v: %s", addr, c.why(lb, addr))
		}
	}
	if w := sameTTL(records); w != nil {
		return w
	}
	return c.checkCount(lb, v, records, min(lb.Answers, v.sure[family]), lb.Answers)
}

// checkCount checks the number of servers, and that nobody is answered by no data.
func (c *caseOf) checkCount(lb *LB, v *view, records []dns.RR, least, most int) *Wrong {
	if len(records) == 0 {
		return c.judgeEmpty(lb, v, least)
	}
	if len(records) < least && !c.answer.Truncated {
		return wrong(Few, fmt.Sprintf("%d or more of %s", least, v.allowed()), "%s", describe(c.answer))
	}
	if len(records) > most {
		return wrong(Many, fmt.Sprintf("%d or less", most), "%s", describe(c.answer))
	}
	return nil
}

func (c *caseOf) judgeEmpty(lb *LB, v *view, least int) *Wrong {
	if c.answer.Truncated {
		return nil
	}
	if c.model.waiting(lb, c.asked) {
		return c.judgeNegative(dns.RcodeSuccess, c.zone.Negative)
	}
	right := v.empty || c.asked.Type == dns.TypeAAAA || c.asked.Type == dns.TypeSRV && v.noSRV
	if least > 0 || !right {
		return wrong(Few, v.allowed(), "nobody: %s", describe(c.answer))
	}
	return c.judgeNegative(dns.RcodeSuccess, max(lb.TTL, 1))
}

// checkMember checks owner, type and TTL of a record of an LB name.
func (c *caseOf) checkMember(owner string, lb *LB, rr dns.RR) *Wrong {
	h := rr.Header()
	if h.Rrtype != c.asked.Type || !strings.EqualFold(h.Name, owner) {
		return wrong(Records, owner+" "+dns.TypeToString[c.asked.Type], "%v", rr)
	}
	most := lb.TTL
	if c.model.doubted(lb, c.asked) {
		most = lb.Min
	}
	if h.Ttl < lb.Min || h.Ttl > most {
		return wrong(TTL, fmt.Sprintf("%d to %d", lb.Min, most), "%v", rr)
	}
	return nil
}

// judgeIgnorant judges the answer of a process that knows nothing of a pool, nor
// can: nobody, for a second.
func (c *caseOf) judgeIgnorant(records []dns.RR) *Wrong {
	if len(records) > 0 {
		return wrong(Stranger, "nobody: the pool cannot be known", "%v", records[0])
	}
	return c.judgeNegative(dns.RcodeSuccess, 1)
}

// sameTTL checks that the records of a set have one TTL (RFC 2181 section 5.2).
func sameTTL(records []dns.RR) *Wrong {
	for _, rr := range records {
		if ttl := records[0].Header().Ttl; rr.Header().Ttl != ttl {
			return wrong(TTL, "one TTL in a set", "%d and %d", ttl, rr.Header().Ttl)
		}
	}
	return nil
}

// judgeServices judges an SRV answer, with the addresses beside it.
func (c *caseOf) judgeServices(p place, lb *LB, v *view, records []dns.RR) *Wrong {
	for _, rr := range records {
		if w := c.checkMember(p.owner, lb, rr); w != nil {
			return w
		}
		srv := rr.(*dns.SRV)
		f := v.hosts[strings.TrimSuffix(srv.Target, "."+lb.Owner)]
		if f == nil {
			f = v.hosts[srv.Target]
		}
		if f == nil {
			return wrong(Stranger, v.allowed(), "%v: %s", rr, c.whyHost(lb, srv.Target))
		}
		if srv.Port != f.server.Port || srv.Priority != f.server.Tier || srv.Weight < 1 || srv.Weight > 1000 {
			return wrong(Records, fmt.Sprintf("priority %d, weight 1 to 1000, port %d", f.server.Tier, f.server.Port), "%v", rr)
		}
	}
	for _, rr := range c.answer.Extra {
		if addr := addressOf(rr); addr.IsValid() && v.addrs[addr] == "" {
			return wrong(Stranger, v.allowed(), "%v in the additional section: %s", addr, c.why(lb, addr))
		}
	}
	if w := sameTTL(records); w != nil {
		return w
	}
	return c.checkCount(lb, v, records, min(maxSRV, v.all), maxSRV)
}

// judgeHost judges the answer at a name below an LB name that a pool from Consul
// gives its servers.
func (c *caseOf) judgeHost(p place, records []dns.RR) *Wrong {
	if len(records) > 0 && c.model.ignorant(p.parent, c.asked) {
		return c.judgeIgnorant(records)
	}
	v := c.model.look(c.zone, p.parent, c.asked)
	f := v.known[p.host]
	if c.answer.Rcode == dns.RcodeNameError && (f == nil || !f.there) {
		return c.judgeNegative(dns.RcodeNameError, c.zone.Negative)
	}
	if w := c.checkCode(dns.RcodeSuccess); w != nil {
		return w
	}
	if len(records) == 0 && f == nil && !c.model.waiting(p.parent, c.asked) {
		return c.checkCode(dns.RcodeNameError)
	}
	if len(records) == 0 {
		if f != nil && !c.model.waiting(p.parent, c.asked) && slices.ContainsFunc(f.addrs, c.ofType) {
			return wrong(Few, fmt.Sprint(f.addrs), "%s", describe(c.answer))
		}
		return c.judgeNegative(dns.RcodeSuccess, max(p.parent.TTL, c.zone.Negative))
	}
	for _, rr := range records {
		if w := c.checkMember(p.owner, p.parent, rr); w != nil {
			return w
		}
		if f == nil || !slices.Contains(f.addrs, addressOf(rr)) {
			return wrong(Stranger, "the server's address", "%v", rr)
		}
	}
	return nil
}

func (c *caseOf) ofType(a netip.Addr) bool { return a.Is6() == (c.asked.Type == dns.TypeAAAA) }

func addressOf(rr dns.RR) netip.Addr {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A)
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA)
		return addr
	}
	return addr.Unmap()
}
