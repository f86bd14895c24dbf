package judge

import (
	"cmp"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Fault is a mistake that no other server is needed to see.
type Fault struct {
	What   string
	Detail string
}

func (f Fault) String() string { return strings.TrimSuffix(f.What+": "+f.Detail, ": ") }

func (c *Case) faults() (faults []Fault) {
	if c.Ours.Err != nil {
		return []Fault{{What: "no answer that can be read", Detail: c.Ours.Err.Error()}}
	}
	for _, rr := range c.Ours.twice {
		faults = append(faults, Fault{What: "record twice", Detail: rr.String()})
	}
	q := c.Ours.Msg.Question
	if len(q) != 1 || q[0].Qtype != c.Question.Qtype || q[0].Qclass != c.Question.Qclass || spelt(q[0].Name) != spelt(c.Question.Name) {
		faults = append(faults, Fault{What: "question is not repeated as it was asked"})
	}
	return append(faults, c.disorder()...)
}

// disorder finds a chain whose links are not in the order in which they lead
// to its end: many stub resolvers read it once, from the beginning.
func (c *Case) disorder() []Fault {
	at := canonical(c.Question.Name)
	if c.Question.Qtype == dns.TypeANY { // an alias is one of the records
		return nil
	}
	for _, rr := range c.Ours.Msg.Answer {
		h := rr.Header()
		owner := canonical(h.Name)
		if h.Rrtype == dns.TypeRRSIG || h.Rrtype == dns.TypeDNAME && owner != at {
			continue // DNAME goes before the CNAME that is made of it (RFC 6672 section 3.1)
		}
		if owner != at {
			return []Fault{{What: "answer is not in the order of its chain", Detail: rr.String()}}
		}
		if cname, ok := rr.(*dns.CNAME); ok && c.Question.Qtype != dns.TypeCNAME {
			at = canonical(cname.Target)
		}
	}
	return nil
}

// Signature tells differences of one kind from those of another. Where ours is
// none it begins with "others" and is that of the others among themselves, and
// empty if they agree.
func (v *Verdict) Signature() string {
	var parts []string
	switch {
	case v.Different():
	case len(v.Split) > 0:
		return "others, " + v.Kind + ": " + Signature(v.Split)
	default:
		return ""
	}
	if len(v.Deltas) > 0 {
		parts = append(parts, Signature(v.Deltas))
	}
	for _, f := range v.Faults {
		parts = append(parts, f.What)
	}
	slices.Sort(parts)
	return v.Kind + ": " + strings.Join(slices.Compact(parts), "; ")
}

// Signature is what differs, but for names and data.
func Signature(deltas []Delta) string {
	var parts []string
	for _, d := range deltas {
		what := d.What
		if d.RR != nil {
			what = d.Section.String() + ": " + cmp.Or(map[bool]string{true: "extra"}[d.Extra], "missing") + " " + dns.Type(d.RR.Header().Rrtype).String()
			if sig, ok := d.RR.(*dns.RRSIG); ok {
				what += "(" + dns.Type(sig.TypeCovered).String() + ")"
			}
		}
		parts = append(parts, what)
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), ", ")
}
