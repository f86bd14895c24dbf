package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// questions draws what is asked.
type questions struct {
	random *rand.Rand
	lbs    []string // owners of LB names, wildcards left out
	labels []string // below LB names
}

// kindsOf are the kinds of questions, with their share in percent.
var kindsOf = []struct {
	share int
	draw  func(*questions) (name string, qtype uint16)
}{
	{34, func(q *questions) (string, uint16) { return q.lb(), dns.TypeA }},
	{8, func(q *questions) (string, uint16) { return q.lb(), dns.TypeAAAA }},
	{5, func(q *questions) (string, uint16) { return q.lb(), dns.TypeSRV }},
	{4, func(q *questions) (string, uint16) { return q.service(), dns.TypeSRV }},
	{3, func(q *questions) (string, uint16) { return q.host(), q.family() }},
	{8, func(q *questions) (string, uint16) { return q.one("shop", "deep", "docs", "mirror"), q.family() }},
	{6, func(q *questions) (string, uint16) { return fmt.Sprintf("n%d.app", q.random.IntN(500)), q.family() }},
	{10, func(q *questions) (string, uint16) { return q.one("static", "ns1", "a.deep.ent", "sorry"), q.family() }},
	{4, func(q *questions) (string, uint16) { return fmt.Sprintf("n%d.dev", q.random.IntN(500)), dns.TypeA }},
	{8, func(q *questions) (string, uint16) { return fmt.Sprintf("none%d", q.random.IntN(500)), q.family() }},
	{4, func(q *questions) (string, uint16) {
		return q.one("www", "_tcp.www", "ent", "deep.ent", "shop", "n1.app", "here.dev"), q.one16(dns.TypeTXT, dns.TypeMX)
	}},
	{3, func(q *questions) (string, uint16) { return "@", q.one16(dns.TypeNS, dns.TypeMX, dns.TypeTXT) }},
	{2, func(q *questions) (string, uint16) { return "version", dns.TypeTXT }},
	{1, func(*questions) (string, uint16) { return "www.example.net.", dns.TypeA }},
}

func newQuestions(seed, stream uint64) *questions {
	q := &questions{random: rand.New(rand.NewPCG(seed, stream))}
	for _, l := range append(steered(), extras()...) {
		owner := strings.TrimSuffix(l.Owner, "."+origin)
		if strings.HasPrefix(owner, "*.") {
			continue
		}
		q.lbs = append(q.lbs, owner)
		if name, ok := strings.CutPrefix(l.Source, "consul "); ok {
			for i := range 3 {
				q.labels = append(q.labels, fmt.Sprintf("%s%d-%s-%d.%s", name, i, name, i, owner))
			}
		}
	}
	return q
}

// next draws a question.
func (q *questions) next() oracle.Question {
	name, qtype := q.draw()
	if !strings.HasSuffix(name, ".") {
		name = strings.TrimPrefix(name+"."+origin, "@.")
	}
	if q.random.IntN(10) == 0 {
		name = q.anyCase(name)
	}
	ask := oracle.Question{Name: name, Type: qtype}
	if ask.EDNS = q.random.IntN(5) > 0; ask.EDNS && q.random.IntN(2) == 0 {
		ask.Subnet = q.subnet()
	}
	return ask
}

func (q *questions) draw() (string, uint16) {
	n := q.random.IntN(100)
	for _, k := range kindsOf {
		if n -= k.share; n < 0 {
			return k.draw(q)
		}
	}
	return "@", dns.TypeSOA
}

func (q *questions) lb() string   { return q.one(q.lbs...) }
func (q *questions) host() string { return q.one(q.labels...) }

// service is a service name below an LB name: its source's, or one of no pool.
func (q *questions) service() string {
	return q.one("_web._tcp.www", "_mid._tcp.mid", "_tiny._tcp.tiny", "_api._tcp.api", "_solo._tcp.solo", "_none._tcp.www")
}

func (q *questions) family() uint16 { return q.one16(dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA) }

func (q *questions) one(of ...string) string   { return of[q.random.IntN(len(of))] }
func (q *questions) one16(of ...uint16) uint16 { return of[q.random.IntN(len(of))] }

// subnet is that of a client: some resolvers ask often, many seldom.
func (q *questions) subnet() netip.Prefix {
	n := q.random.IntN(40)
	if q.random.IntN(4) == 0 {
		n = q.random.IntN(4000)
	}
	if q.random.IntN(4) == 0 {
		return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(n >> 8), byte(n)}), 56)
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 0}), 24)
}

// anyCase writes a name as resolvers do that hide their query IDs in it.
func (q *questions) anyCase(name string) string {
	b := []byte(name)
	for i := range b {
		if q.random.IntN(2) == 0 {
			b[i] = strings.ToUpper(string(b[i]))[0]
		}
	}
	return string(b)
}

// message is the question on the wire.
func message(q oracle.Question, id uint16) ([]byte, error) {
	m := &dns.Msg{Question: []dns.Question{{Name: q.Name, Qtype: q.Type, Qclass: dns.ClassINET}}}
	m.Id = id
	if !q.EDNS {
		return m.Pack()
	}
	m.SetEdns0(1232, false)
	if q.Subnet.IsValid() {
		family := uint16(1)
		if q.Subnet.Addr().Is6() {
			family = 2
		}
		opt := m.IsEdns0()
		opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(q.Subnet.Bits()), Address: q.Subnet.Addr().AsSlice(),
		})
	}
	return m.Pack()
}
