package zonegen

import (
	"fmt"
	"strings"
)

// features are what a zone is made of, as often as they stand here.
var features = []func(*builder){
	(*builder).host, (*builder).host, (*builder).host, (*builder).data, (*builder).data, (*builder).data,
	(*builder).apex, (*builder).wildcard, (*builder).wildcard, (*builder).wildcard, (*builder).middle, (*builder).shadow,
	(*builder).wildcardAlias, (*builder).wildcardAlias, (*builder).apexWildcard,
	(*builder).delegation, (*builder).delegation, (*builder).delegation, (*builder).occluded, (*builder).occluded,
	(*builder).alias, (*builder).alias, (*builder).alias, (*builder).chain, (*builder).loop,
	(*builder).dname, (*builder).dname, (*builder).dnames, (*builder).dnameTooLong,
	(*builder).nonTerminal, (*builder).service, (*builder).large, (*builder).longName,
}

func (b *builder) host() {
	name := b.fresh()
	b.add(name, "A", b.ipv4())
	if b.IntN(2) == 0 {
		b.add(name, "AAAA", b.ipv6())
	}
	if b.IntN(4) == 0 {
		b.add(name, "A", b.ipv4())
	}
}

func (b *builder) data() { b.some(b.fresh()) }
func (b *builder) apex() { b.some("@") }

// wildcard covers a name that exists, one that does not, or an empty one.
func (b *builder) wildcard() {
	parent := b.fresh()
	if b.IntN(2) == 0 {
		parent = b.existing()
	}
	b.some(b.under("*", parent))
}

func (b *builder) apexWildcard() { b.some("*") }

// middle has an asterisk where it means nothing (RFC 4592 section 2.1.3), with
// an empty wildcard above.
func (b *builder) middle() { b.some(b.under(b.label()+".*", b.fresh())) }

// shadow puts a wildcard beside names that it must not cover, one of them an
// empty non-terminal (RFC 4592 section 2.2.1).
func (b *builder) shadow() {
	parent := b.fresh()
	b.some(b.under("*", parent))
	b.some(b.under(b.label(), parent))
	b.some(b.under(b.label()+"."+b.label(), parent))
}

func (b *builder) wildcardAlias() { b.add(b.under("*", b.fresh()), "CNAME", b.target()) }

// delegation has name servers below the cut, beside it, and elsewhere.
func (b *builder) delegation() {
	cut := b.fresh()
	for range 1 + b.IntN(3) {
		var host string
		switch b.IntN(6) {
		case 0, 1:
			host = b.under("ns"+b.label(), cut)
		case 2:
			host = cut
		case 3:
			host = b.under("ns", b.fresh())
		case 4:
			host = b.outside()
		case 5:
			host = b.target()
		}
		if !strings.HasSuffix(host, ".") && b.key(host) == "" {
			continue
		}
		if b.add(cut, "NS", b.spell(host)) && !strings.HasSuffix(host, ".") && b.IntN(6) > 0 {
			b.add(host, "A", b.ipv4())
			if b.IntN(2) == 0 {
				b.add(host, "AAAA", b.ipv6())
			}
		}
	}
	if b.IntN(3) == 0 {
		b.add(cut, "DS", "60485 13 2 "+b.hex(32))
	}
}

// occluded hides data behind a cut, another cut at times.
func (b *builder) occluded() {
	cut := b.fresh()
	b.add(cut, "NS", b.under("ns", cut))
	b.add(b.under("ns", cut), "A", b.ipv4())
	b.some(b.under(b.label(), cut))
	switch b.IntN(4) {
	case 0:
		b.some(cut)
	case 1:
		b.some(b.under("*", cut))
	case 2:
		b.add(b.under("deep", cut), "NS", b.target())
		b.add(b.under("deep", cut), "DS", "60485 13 2 "+b.hex(32))
	case 3:
		b.add(b.under(b.label(), cut), "CNAME", b.target())
	}
}

func (b *builder) alias() { b.add(b.fresh(), "CNAME", b.target()) }

// chain leads through several aliases.
func (b *builder) chain() {
	next := b.target()
	for range 2 + b.IntN(5) {
		name := b.fresh()
		if !b.add(name, "CNAME", next) {
			return
		}
		next = b.spell(name)
	}
}

// loop leads names below a DNAME back to themselves, one way or another.
func (b *builder) loop() {
	one, two := b.fresh(), b.fresh()
	if b.key(one) == "" || b.key(two) == "" {
		return
	}
	switch b.IntN(3) {
	case 0: // for ever
		b.add(one, "DNAME", two)
		b.add(two, "DNAME", one)
	case 1: // to ever longer names
		b.add(one, "DNAME", two)
		b.add(two, "DNAME", "a."+one)
	case 2: // through an alias
		b.add(one, "DNAME", two)
		b.add(b.under("a", two), "CNAME", b.under("a", one))
	}
}

func (b *builder) dname() {
	owner, to := b.fresh(), b.target()
	if b.add(owner, "DNAME", to) && b.IntN(2) == 0 {
		b.some(owner) // RFC 6672 section 2.4
	}
}

// dnames lead from one to the next.
func (b *builder) dnames() {
	to := b.target()
	for range 2 + b.IntN(2) {
		owner := b.fresh()
		if !b.add(owner, "DNAME", to) {
			return
		}
		to = owner
		if b.IntN(2) == 0 {
			to = b.under(b.label(), owner)
		}
		if b.key(to) == "" {
			return
		}
	}
}

// dnameTooLong has a target that leaves little room for what is above it (RFC
// 6672 section 2.2: YXDOMAIN).
func (b *builder) dnameTooLong() {
	owner := b.fresh()
	b.add(owner, "DNAME", strings.Repeat(long+".", 3)+strings.Repeat("m", 20+b.IntN(20))+".example.net.")
}

func (b *builder) nonTerminal() {
	b.some(b.under(fmt.Sprintf("deep%d.%s.%s", b.IntN(3), b.label(), b.label()), b.fresh()))
}

func (b *builder) service() {
	name := b.fresh()
	for range 1 + b.IntN(3) {
		b.add(b.under("_http._tcp", name), "SRV", fmt.Sprintf("%d %d 8080 %s", b.IntN(3), b.IntN(100), b.target()))
	}
	b.add(name, "MX", fmt.Sprintf("%d %s", b.IntN(100), b.target()))
}

// large does not fit into a small message.
func (b *builder) large() {
	name := b.fresh()
	for i := range 3 + b.IntN(12) {
		b.add(name, "TXT", fmt.Sprintf(`"%d %s"`, i, strings.Repeat("t", 100+b.IntN(100))))
	}
	if b.IntN(2) == 0 {
		for range 20 + b.IntN(20) {
			b.add(name, "A", b.ipv4())
		}
	}
}

// longName is as long as a name can be in this zone.
func (b *builder) longName() {
	name, left := "", b.room-1
	for left > 1 {
		n := min(63, left-1)
		if name != "" {
			name += "."
		}
		name += strings.Repeat("n", n)
		left -= n + 1
	}
	b.some(name)
}
