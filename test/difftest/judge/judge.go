package judge

import (
	"slices"

	"github.com/miekg/dns"
)

// Case is one question with its answers.
type Case struct {
	Zone     *Zone
	Question dns.Question
	Size     uint16 // of a datagram, as EDNS offers it; 0 for none
	Ours     *Answer
	Others   []Reference
}

// Reference is what another server answered.
type Reference struct {
	Name   string
	Answer *Answer
}

// Verdict is what a comparison found.
type Verdict struct {
	Kind    string   // of the answer
	Matched []string // the references that we agree with
	Used    []string // the allowances that it took, for the first of them
	Split   []Delta  // in what the references differ from each other
	Faults  []Fault  // mistakes that need no comparison
	Deltas  []Delta  // in what we differ from the nearest reference, if we agree with none
	Nearest string
}

// Different tells whether our answer is wrong, as far as others know.
func (v *Verdict) Different() bool { return len(v.Matched) == 0 || len(v.Faults) > 0 }

// Judge compares our answer with those of the references. It must agree with
// one of them, allowances apart.
func Judge(c *Case) Verdict {
	v := Verdict{Kind: c.kind(c.Others[0].Answer), Faults: c.faults()}
	for _, ref := range c.Others {
		left, used := c.allow(c.Ours, ref.Answer)
		switch {
		case len(left) == 0 && len(v.Matched) == 0:
			v.Matched, v.Used = append(v.Matched, ref.Name), used
		case len(left) == 0:
			v.Matched = append(v.Matched, ref.Name)
		case v.Nearest == "" || len(left) < len(v.Deltas):
			v.Nearest, v.Deltas = ref.Name, left
		}
	}
	if len(v.Matched) > 0 {
		v.Nearest, v.Deltas = "", nil
	}
	for _, ref := range c.Others[1:] {
		v.Split, _ = c.allow(ref.Answer, c.Others[0].Answer)
	}
	return v
}

// room is how many octets an answer can have: servers give no more than 1232
// by UDP, whatever is offered (DNS flag day of 2020).
func (c *Case) room() int { return min(1232, max(dns.MinMsgSize, int(c.Size))) }

// refers gives the delegation that an answer leads to, canonical; empty if none.
func (c *Case) refers(a *Answer) string {
	for _, rr := range a.sections[Authority] {
		if owner := canonical(rr.Header().Name); rr.Header().Rrtype == dns.TypeNS && owner != c.Zone.Origin {
			return owner
		}
	}
	return ""
}

// allow tells in what a differs from b, without what is left open, and which
// allowances that took.
func (c *Case) allow(a, b *Answer) (left []Delta, used []string) {
	p := pair{Case: c, a: a, b: b}
	for _, d := range compare(a, b) {
		i := slices.IndexFunc(allowances, func(w allowance) bool { return w.fits(&p, d) })
		switch {
		case i < 0:
			left = append(left, d)
		case !slices.Contains(used, allowances[i].name):
			used = append(used, allowances[i].name)
		}
	}
	return left, used
}
