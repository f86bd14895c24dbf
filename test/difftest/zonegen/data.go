package zonegen

import (
	"fmt"
	"strings"
)

// unknownType has no name anywhere (RFC 6895 section 3.1, private use).
const unknownType = 65400

func (b *builder) ipv4() string {
	return fmt.Sprintf("%s.%d", []string{"192.0.2", "198.51.100", "203.0.113"}[b.IntN(3)], b.IntN(256))
}

func (b *builder) ipv6() string { return fmt.Sprintf("2001:db8::%x", 1+b.IntN(0xffff)) }

func (b *builder) hex(octets int) string {
	var s strings.Builder
	for range octets {
		fmt.Fprintf(&s, "%02x", b.IntN(256))
	}
	return s.String()
}

// texts are character strings that are easily read or written wrongly.
var texts = []string{
	`"v=spf1 -all"`, `""`, `"two" "strings"`, `"q\"uote and \\ backslash"`, `"\000\255\032"`, `"semi;colon"`, `bare`, `"` + strings.Repeat("t", 255) + `"`,
}

func (b *builder) text() string { return texts[b.IntN(len(texts))] }

// kind makes data of a type.
type kind struct {
	name string
	data func(b *builder) string
}

// fixed is data that is always the same.
func fixed(s string) func(*builder) string { return func(*builder) string { return s } }

// kinds are all types that may stand at any name beside each other.
var kinds = []kind{
	{"A", (*builder).ipv4},
	{"A", (*builder).ipv4},
	{"AAAA", (*builder).ipv6},
	{"MX", func(b *builder) string { return fmt.Sprintf("%d %s", b.IntN(70000)%65536, b.target()) }},
	{"SRV", func(b *builder) string { return fmt.Sprintf("%d %d 443 %s", b.IntN(3), b.IntN(100), b.target()) }},
	{"TXT", (*builder).text},
	{"PTR", (*builder).target},
	{"CAA", fixed(`0 issue "ca.example.net"`)},
	{"NAPTR", func(b *builder) string { return `100 10 "s" "SIP+D2U" "" ` + b.target() }},
	{"TLSA", func(b *builder) string { return "3 1 1 " + b.hex(32) }},
	{"SSHFP", func(b *builder) string { return "4 2 " + b.hex(32) }},
	{"HTTPS", fixed(`1 . alpn=h2 ipv4hint=192.0.2.1`)},
	{"HTTPS", func(b *builder) string { return "0 " + b.target() }},
	{"SVCB", func(b *builder) string { return "1 " + b.target() + " port=8443" }},
	{"URI", fixed(`10 1 "https://example.org/"`)},
	{"LOC", fixed("52 22 23.000 N 4 53 32.000 E -2.00m 1.00m 10000.00m 10.00m")},
	{"HINFO", fixed(`"cpu" "os"`)},
	{"RP", func(b *builder) string { return b.target() + " " + b.target() }},
	{"AFSDB", func(b *builder) string { return "1 " + b.target() }},
	{"TYPE65400", func(b *builder) string { return `\# 3 ` + b.hex(3) }},
	{"TYPE65400", fixed(`\# 0`)},
}

// some adds records of some types to a name.
func (b *builder) some(owner string) {
	for range 1 + b.IntN(3) {
		k := kinds[b.IntN(len(kinds))]
		b.add(owner, k.name, k.data(b))
	}
}
