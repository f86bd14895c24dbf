// Package judge compares the answers of name servers: what differs, what of it
// the RFCs leave open, and what is a mistake.
package judge

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Section is a part of a message.
type Section int

// The sections, and the header before them.
const (
	Header Section = iota
	AnswerSection
	Authority
	Additional
)

func (s Section) String() string {
	return [...]string{"header", "answer", "authority", "additional"}[s]
}

// Answer is a message in the form in which messages are compared.
type Answer struct {
	Msg      *dns.Msg
	Whole    bool  // by TCP, or not truncated
	Err      error // there is no answer, or none that can be read: the message is empty
	sections [4]map[string]dns.RR
	twice    []dns.RR
}

// NewAnswer takes a message. If it was truncated, whole is what TCP gave.
func NewAnswer(first, whole *dns.Msg) *Answer {
	a := &Answer{Msg: first, Whole: !first.Truncated}
	if whole != nil {
		a.Msg, a.Whole = whole, !whole.Truncated
	}
	for s, rrs := range a.rrs() {
		a.sections[s] = map[string]dns.RR{}
		for _, rr := range rrs {
			key := Key(rr)
			if _, ok := a.sections[s][key]; ok {
				a.twice = append(a.twice, rr)
			}
			a.sections[s][key] = rr
		}
	}
	return a
}

// NoAnswer takes the error of a question without an answer.
func NoAnswer(err error) *Answer { return &Answer{Msg: new(dns.Msg), Err: err} }

func (a *Answer) rrs() map[Section][]dns.RR {
	extra := slices.DeleteFunc(slices.Clone(a.Msg.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	return map[Section][]dns.RR{AnswerSection: a.Msg.Answer, Authority: a.Msg.Ns, Additional: extra}
}

// has tells whether a section has records of a type.
func (a *Answer) has(s Section, rrtype uint16) bool {
	for _, rr := range a.sections[s] {
		if rr.Header().Rrtype == rrtype {
			return true
		}
	}
	return false
}

// size is the most that the message takes on the wire: servers do not compress
// names alike.
func (a *Answer) size() int {
	m := *a.Msg
	m.Compress = false
	return m.Len()
}

// do tells whether DNSSEC records were asked for, as the answer says (RFC 3225).
func (a *Answer) do() bool {
	opt := a.Msg.IsEdns0()
	return opt != nil && opt.Do()
}

// Key is equal for equal records: owner, class, type, TTL and data, names
// without regard to case (RFC 4343).
func Key(rr dns.RR) string {
	h := rr.Header()
	return fmt.Sprintf("%s %d %d %d %s", dns.CanonicalName(h.Name), h.Ttl, h.Class, h.Rrtype, data(rr))
}

// data is the data of a record on the wire.
func data(rr dns.RR) string {
	rr = dns.Copy(rr)
	for _, name := range namesIn(rr) {
		*name = dns.CanonicalName(*name)
	}
	rr.Header().Name = "."
	buf := make([]byte, dns.MaxMsgSize)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	const header = 1 + 2 + 2 + 4 + 2 // RFC 1035 section 3.2.1
	return hex.EncodeToString(buf[header:n])
}

// namesIn are the names in a record's data.
func namesIn(rr dns.RR) []*string {
	switch rr := rr.(type) {
	case *dns.NS:
		return []*string{&rr.Ns}
	case *dns.CNAME:
		return []*string{&rr.Target}
	case *dns.DNAME:
		return []*string{&rr.Target}
	case *dns.PTR:
		return []*string{&rr.Ptr}
	case *dns.MX:
		return []*string{&rr.Mx}
	case *dns.SRV:
		return []*string{&rr.Target}
	case *dns.SOA:
		return []*string{&rr.Ns, &rr.Mbox}
	case *dns.NAPTR:
		return []*string{&rr.Replacement}
	case *dns.SVCB:
		return []*string{&rr.Target}
	case *dns.HTTPS:
		return []*string{&rr.Target}
	case *dns.RP:
		return []*string{&rr.Mbox, &rr.Txt}
	case *dns.RRSIG:
		return []*string{&rr.SignerName}
	case *dns.NSEC:
		return []*string{&rr.NextDomain}
	case *dns.AFSDB:
		return []*string{&rr.Hostname}
	}
	return nil
}
