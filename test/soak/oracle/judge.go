package oracle

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Question is what was asked.
type Question struct {
	Name   string // as it was written, in any case
	Type   uint16
	EDNS   bool
	Subnet netip.Prefix // of the client, if one was sent
}

func (q Question) String() string {
	text := q.Name + " " + dns.TypeToString[q.Type]
	if q.Subnet.IsValid() {
		text += " for " + q.Subnet.String()
	}
	return text
}

// Asked is a question with the time from which on it may have been looked at, and
// until when.
type Asked struct {
	Question
	Sent, Received time.Duration
}

// Kind is a kind of wrong answer.
type Kind string

// Kinds of wrong answers.
const (
	Garbled   Kind = "garbled"   // no DNS message, or not to the question
	Flags     Kind = "flags"     // header bits
	Code      Kind = "rcode"     // another than the name asks for
	Stranger  Kind = "stranger"  // an address of somebody who must not be answered
	Few       Kind = "too few"   // servers, or none
	Many      Kind = "too many"  // servers
	TTL       Kind = "ttl"       // out of its bounds
	Duplicate Kind = "duplicate" // the same record twice
	Records   Kind = "records"   // others than the zone has
	Authority Kind = "authority" // the SOA of a negative answer
	EDNS      Kind = "edns"      // the OPT record
	Lost      Kind = "lost"      // no answer in time
)

// Wrong says what is wrong with an answer.
type Wrong struct {
	Kind    Kind
	Text    string
	Allowed string // what would have been right
}

func (w *Wrong) Error() string {
	if w.Allowed == "" {
		return fmt.Sprintf("%s: %s", w.Kind, w.Text)
	}
	return fmt.Sprintf("%s: %s; allowed: %s", w.Kind, w.Text, w.Allowed)
}

func wrong(k Kind, allowed, format string, args ...any) *Wrong {
	return &Wrong{Kind: k, Text: fmt.Sprintf(format, args...), Allowed: allowed}
}

// Judge tells what is wrong with an answer, or nil. An answer is right if it is by
// any zone that may have been served.
func (m *Model) Judge(a Asked, answer *dns.Msg) *Wrong {
	if w := checkForm(a.Question, answer); w != nil {
		return w
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	spans := m.zones.in(m.zones.during(m.file.oldest(a.Sent), a.Received))
	var first *Wrong
	for i := len(spans) - 1; i >= 0; i-- {
		c := &caseOf{model: m, zone: spans[i].value, asked: a, answer: answer}
		w := c.judge()
		if w == nil {
			return nil
		}
		if first == nil {
			first = w
		}
	}
	return first
}

// checkForm checks what does not depend on the zone.
func checkForm(q Question, m *dns.Msg) *Wrong {
	if len(m.Question) != 1 || m.Question[0] != (dns.Question{Name: q.Name, Qtype: q.Type, Qclass: dns.ClassINET}) {
		return wrong(Garbled, q.String(), "the question came back as %v", m.Question)
	}
	if !m.Response || m.Opcode != dns.OpcodeQuery || m.RecursionAvailable || m.AuthenticatedData {
		return wrong(Flags, "", "header %v", m.MsgHdr.String())
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		if rr := twice(section); rr != nil {
			return wrong(Duplicate, "", "%v is there twice", rr)
		}
	}
	return checkEDNS(q, m)
}

// twice finds a record that is in a section more than once.
func twice(section []dns.RR) dns.RR {
	for i, rr := range section {
		for _, other := range section[:i] {
			if dns.IsDuplicate(rr, other) {
				return rr
			}
		}
	}
	return nil
}

// checkEDNS checks that the OPT record is there if it was in the question (RFC
// 6891 section 7), and the client's subnet as it was sent (RFC 7871 section 7.2.1).
func checkEDNS(q Question, m *dns.Msg) *Wrong {
	opt := m.IsEdns0()
	if (opt != nil) != q.EDNS {
		return wrong(EDNS, "", "OPT in the question: %t, in the answer: %t", q.EDNS, opt != nil)
	}
	var subnet *dns.EDNS0_SUBNET
	if opt != nil {
		for _, o := range opt.Option {
			if s, ok := o.(*dns.EDNS0_SUBNET); ok {
				subnet = s
			}
		}
	}
	if (subnet != nil) != q.Subnet.IsValid() {
		return wrong(EDNS, "", "client subnet in the question: %t, in the answer: %t", q.Subnet.IsValid(), subnet != nil)
	}
	if subnet == nil {
		return nil
	}
	addr, _ := netip.AddrFromSlice(subnet.Address)
	if got := netip.PrefixFrom(addr.Unmap(), int(subnet.SourceNetmask)); got != q.Subnet || int(subnet.SourceScope) > q.Subnet.Bits() {
		return wrong(EDNS, q.Subnet.String(), "client subnet %v, scope %d", got, subnet.SourceScope)
	}
	return nil
}

// describe is an answer in a line.
func describe(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range m.Answer {
		parts = append(parts, strings.Join(strings.Fields(rr.String()), " "))
	}
	return strings.Join(parts, ", ")
}
