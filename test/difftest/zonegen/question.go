package zonegen

import (
	"strings"

	"github.com/miekg/dns"
)

// Question is one query. Its name is relative to the zone's origin, unless it
// ends with a dot.
type Question struct {
	Name string
	Type uint16
	Size uint16 // that EDNS offers; 0 for none
	DO   bool
}

// askable are the types that are asked for besides those that are there.
var askable = []uint16{
	dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeSRV, dns.TypeTXT, dns.TypeCNAME,
	dns.TypeDNAME, dns.TypePTR, dns.TypeCAA, dns.TypeDS, dns.TypeHTTPS, dns.TypeANY, unknownType, 65401, dns.TypeNSEC, dns.TypeRRSIG, dns.TypeDNSKEY,
}

func (b *builder) questions(n int) []Question {
	qs := make([]Question, 0, n)
	for len(qs) < n {
		q := Question{Name: b.question()}
		if !strings.HasSuffix(q.Name, ".") && b.key(q.Name) == "" {
			continue // too long
		}
		q.Name, q.Type = b.spell(q.Name), b.qtype(q.Name)
		if b.IntN(2) == 0 {
			q.Size, q.DO = []uint16{512, 1232, 4096}[b.IntN(3)], b.IntN(2) == 0
		}
		if b.zone.Signing != Unsigned && b.IntN(4) > 0 {
			q.Size, q.DO = 4096, true
		}
		qs = append(qs, q)
	}
	return qs
}

// qtype is a type that is at the name, or any.
func (b *builder) qtype(name string) uint16 {
	if at := b.types[b.key(name)]; len(at) > 0 && b.IntN(2) == 0 {
		pick := b.IntN(len(at))
		for t := range dns.Type(0xffff) { // in an order that does not change
			if !at[uint16(t)] {
				continue
			}
			if pick == 0 {
				return uint16(t)
			}
			pick--
		}
	}
	return askable[b.IntN(len(askable))]
}

// question is a name that has to do with the zone.
func (b *builder) question() string {
	name := b.existing()
	if len(b.targets) > 0 && b.IntN(6) == 0 {
		name = b.targets[b.IntN(len(b.targets))]
		if strings.HasSuffix(name, ".") {
			name = "@"
		}
	}
	switch b.IntN(12) {
	case 0, 1, 2:
		return name
	case 3, 4:
		return b.expand(name)
	case 5, 6:
		return b.under(b.label(), name)
	case 7:
		return b.under(b.label()+"."+b.label(), name)
	case 8:
		return b.under("*", name)
	case 9:
		return b.under(b.label(), parent(name))
	case 10:
		return parent(name)
	}
	if b.IntN(8) == 0 {
		return b.outside()
	}
	return b.long(name)
}

// parent is the name without its first label.
func parent(name string) string {
	if at, end := dns.NextLabel(name, 0); !end {
		return name[at:]
	}
	return "@"
}

// long is a name with as many octets as fit, or some less: below a DNAME its
// other name may be too long.
func (b *builder) long(name string) string {
	for range 1 + b.IntN(4) {
		next := b.under(strings.Repeat("q", 1+b.IntN(63)), name)
		if b.key(next) == "" {
			break
		}
		name = next
	}
	return name
}
