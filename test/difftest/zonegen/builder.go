package zonegen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"
)

// builder adds records to a zone as long as it stays valid.
type builder struct {
	*rand.Rand
	zone    Zone
	room    int                        // octets for names beside the origin
	types   map[string]map[uint16]bool // by key of the owner
	below   map[string]bool            // keys with names below them
	ttls    map[string]uint32          // by key and type
	seen    map[string]bool            // lines without the owner's spelling
	owners  []string                   // names as they were written
	targets []string                   // what records point to
}

func newBuilder(r *rand.Rand, shape string) *builder {
	b := &builder{
		Rand: r, zone: Zone{Shape: shape},
		types: map[string]map[uint16]bool{}, below: map[string]bool{}, ttls: map[string]uint32{}, seen: map[string]bool{},
	}
	b.room = 255 - len(b.zone.Origin(0)) - 1
	return b
}

// key is the spelling in which relative names are compared; "." is the apex.
// It is empty if the name is too long for the zone.
func (b *builder) key(name string) string {
	if name == "@" {
		return "."
	}
	var wire [256]byte
	n, err := dns.PackDomainName(name+".", wire[:], 0, nil, false)
	if err != nil || n > b.room {
		return ""
	}
	text, _, err := dns.UnpackDomainName(wire[:n], 0)
	if err != nil {
		return ""
	}
	return dns.CanonicalName(text)
}

// above gives the keys above a key, from the nearest on, without the apex.
func above(key string) []string {
	var keys []string
	for _, at := range dns.Split(key)[min(1, dns.CountLabel(key)):] {
		keys = append(keys, key[at:])
	}
	return keys
}

// may tells whether a record can stand there in a valid zone.
func (b *builder) may(key string, rrtype uint16) bool {
	at := b.types[key]
	wild := strings.HasPrefix(key, "*.")
	for _, k := range append(above(key), ".") {
		if k != key && b.types[k][dns.TypeDNAME] { // RFC 6672 section 2.4
			return false
		}
	}
	if wild && b.zone.Signing == OptOut { // what it covers beside names without NSEC3 cannot be proved
		return false
	}
	switch rrtype {
	case dns.TypeCNAME:
		return len(at) == 0 && key != "."
	case dns.TypeDNAME: // under a wildcard it is discouraged by RFC 6672 section 3.3
		return !b.below[key] && !at[dns.TypeDNAME] && !at[dns.TypeCNAME] && !at[dns.TypeNS] && !wild
	case dns.TypeNS: // under a wildcard it is discouraged by RFC 4592 section 4.2
		return !at[dns.TypeCNAME] && !at[dns.TypeDNAME] && !wild
	case dns.TypeDS:
		return at[dns.TypeNS] && key != "."
	}
	return !at[dns.TypeCNAME]
}

// ttls that records have. 0 and the longest are as good as any other.
var ttls = []uint32{0, 1, 30, 300, 300, 3600, 3600, 86400, 1<<31 - 1}

// add adds a record, if it may stand there, and tells whether it does.
func (b *builder) add(owner, rrtype, data string) bool {
	key, t := b.key(owner), typeOf(rrtype)
	line := rrtype + " " + data
	if key == "" || b.seen[key+line] || !b.may(key, t) {
		return false
	}
	b.seen[key+line] = true
	if b.types[key] == nil {
		b.types[key] = map[uint16]bool{}
		for _, k := range above(key) {
			b.below[k] = true
		}
		if key != "." {
			b.below["."] = true
		}
	}
	b.types[key][t] = true
	set := key + rrtype
	if _, ok := b.ttls[set]; !ok {
		b.ttls[set] = ttls[b.IntN(len(ttls))]
		if b.zone.Signing != Unsigned { // signatures may not live longer than they are valid
			b.ttls[set] = min(b.ttls[set], 86400)
		}
	}
	b.owners = append(b.owners, owner)
	b.zone.Lines = append(b.zone.Lines, fmt.Sprintf("%s %d IN %s", b.spell(owner), b.ttls[set], line))
	return true
}

func typeOf(name string) uint16 {
	if t, ok := dns.StringToType[name]; ok {
		return t
	}
	return unknownType
}

// head adds what every zone has.
func (b *builder) head(hosts bool) {
	minimum := []int{1, 60, 300, 300, 7200}[b.IntN(5)]
	b.ttls[".SOA"] = []uint32{1, 300, 3600, 3600, 1<<31 - 1}[b.IntN(5)]
	if b.zone.Signing != Unsigned {
		b.ttls[".SOA"] = min(b.ttls[".SOA"], 86400)
	}
	switch b.IntN(20) { // not more often, as zeros could hide other differences
	case 0:
		minimum = 0
	case 1:
		b.ttls[".SOA"] = 0
	}
	b.add("@", "SOA", fmt.Sprintf("ns1 hostmaster.example.net. 2026112201 7200 900 1209600 %d", minimum))
	if !hosts || b.IntN(8) == 0 {
		b.add("@", "NS", "ns1.example.net.")
		return
	}
	b.add("@", "NS", "ns1")
	b.add("ns1", "A", "192.0.2.53")
	if b.IntN(2) == 0 {
		b.add("ns1", "AAAA", "2001:db8::53")
		b.add("@", "NS", "ns2.a")
		b.add("ns2.a", "A", "192.0.2.54")
	}
}

// build fills the zone.
func (b *builder) build() {
	if b.IntN(16) == 0 && b.zone.Shape != "." { // nothing may stand below the apex
		b.head(false)
		b.add("@", "DNAME", b.outside())
		b.apex()
		return
	}
	b.head(true)
	for range 5 + b.IntN(9) {
		features[b.IntN(len(features))](b)
	}
}
