package judge

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// Delta is one thing in which an answer differs from another.
type Delta struct {
	Section Section
	Extra   bool   // it has what the other has not
	RR      dns.RR // nil in the header
	What    string // in the header
}

func (d Delta) String() string {
	switch {
	case d.RR == nil:
		return d.What
	case d.Extra:
		return fmt.Sprintf("%s: extra %s", d.Section, d.RR)
	}
	return fmt.Sprintf("%s: missing %s", d.Section, d.RR)
}

// is tells whether it is about a record of one of the types, or its signature.
func (d Delta) is(types ...uint16) bool {
	return d.RR != nil && slices.Contains(types, covered(d.RR))
}

// covered is a record's type, and that of which it is the signature.
func covered(rr dns.RR) uint16 {
	if sig, ok := rr.(*dns.RRSIG); ok {
		return sig.TypeCovered
	}
	return rr.Header().Rrtype
}

// compare tells in what a differs from b.
func compare(a, b *Answer) []Delta {
	var deltas []Delta
	header := func(what string, x, y any) {
		if x != y {
			deltas = append(deltas, Delta{What: fmt.Sprintf("%s: %v, not %v", what, x, y)})
		}
	}
	header("rcode", dns.RcodeToString[a.Msg.Rcode], dns.RcodeToString[b.Msg.Rcode])
	header("aa", a.Msg.Authoritative, b.Msg.Authoritative)
	header("ra", a.Msg.RecursionAvailable, b.Msg.RecursionAvailable)
	header("ad", a.Msg.AuthenticatedData, b.Msg.AuthenticatedData)
	header("whole", a.Whole, b.Whole)
	header("edns", a.Msg.IsEdns0() != nil, b.Msg.IsEdns0() != nil)
	header("do", a.do(), b.do())
	for s := AnswerSection; s <= Additional; s++ {
		for key, rr := range a.sections[s] {
			if _, ok := b.sections[s][key]; !ok {
				deltas = append(deltas, Delta{Section: s, Extra: true, RR: rr})
			}
		}
		for key, rr := range b.sections[s] {
			if _, ok := a.sections[s][key]; !ok {
				deltas = append(deltas, Delta{Section: s, RR: rr})
			}
		}
	}
	return deltas
}
