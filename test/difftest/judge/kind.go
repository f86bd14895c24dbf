package judge

import "github.com/miekg/dns"

// kind is the kind of an answer, by what a reference gave.
func (c *Case) kind(ref *Answer) string {
	m := ref.Msg
	switch {
	case c.Question.Qtype == dns.TypeANY:
		return "any"
	case m.Rcode == dns.RcodeYXDomain:
		return "dname, too long"
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return "refused"
	case ref.has(AnswerSection, dns.TypeDNAME) && c.Question.Qtype != dns.TypeDNAME:
		return "dname, " + c.end(ref)
	case ref.has(AnswerSection, dns.TypeCNAME) && c.Question.Qtype != dns.TypeCNAME:
		return c.wild() + "cname, " + c.end(ref)
	case m.Rcode == dns.RcodeNameError:
		return "nxdomain"
	case len(m.Answer) > 0 && c.Question.Qtype == dns.TypeDS:
		return "ds"
	case len(m.Answer) > 0:
		return c.wild() + "positive"
	case ref.has(Authority, dns.TypeSOA) && c.nonTerminal():
		return "nodata, empty non-terminal"
	case ref.has(Authority, dns.TypeSOA):
		return c.wild() + "nodata"
	case ref.has(Authority, dns.TypeNS):
		return "referral"
	}
	return "empty"
}

// wild is a prefix for what a wildcard gave.
func (c *Case) wild() string {
	if name := canonical(c.Question.Name); c.Zone.inside(name) && !c.Zone.exists[name] {
		return "wildcard, "
	}
	return ""
}

func (c *Case) nonTerminal() bool {
	name := canonical(c.Question.Name)
	return c.Zone.exists[name] && len(c.Zone.sets[name]) == 0
}

// end is what a chain ends in.
func (c *Case) end(ref *Answer) string {
	last := ref.Msg.Answer[len(ref.Msg.Answer)-1]
	switch {
	case ref.Msg.Rcode == dns.RcodeNameError:
		return "nxdomain"
	case covered(last) == c.Question.Qtype:
		return "positive"
	case ref.has(Authority, dns.TypeSOA):
		return "nodata"
	case ref.has(Authority, dns.TypeNS):
		return "referral"
	}
	return "outside"
}
