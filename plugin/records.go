package ballast

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/miekg/dns"
)

// makeRecords makes the records of one server: its addresses under the LB
// name, and the SRV record with its target's addresses.
func makeRecords(owner, host string, server *pool.Server, member *policy.Member, largest float64, ttl uint32) memberRecords {
	var m memberRecords
	for _, addr := range server.Addrs {
		addr, fam := addr.Unmap(), policy.A
		if addr.Is6() {
			fam = policy.AAAA
		}
		m.answer[fam] = append(m.answer[fam], addressRecord(owner, addr, ttl))
		if host != "" {
			m.glue = append(m.glue, addressRecord(host, addr, ttl))
		}
	}
	if host != "" {
		m.answer[policy.SRV] = []dns.RR{&dns.SRV{
			Hdr:      dns.RR_Header{Name: owner, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: ttl},
			Priority: server.Tier,
			Weight:   srvWeight(member.Share / largest),
			Port:     server.Port,
			Target:   host,
		}}
	}
	return m
}

func addressRecord(owner string, addr netip.Addr, ttl uint32) dns.RR {
	hdr := dns.RR_Header{Name: owner, Class: dns.ClassINET, Ttl: ttl}
	if addr.Is6() {
		hdr.Rrtype = dns.TypeAAAA
		return &dns.AAAA{Hdr: hdr, AAAA: addr.AsSlice()}
	}
	hdr.Rrtype = dns.TypeA
	return &dns.A{Hdr: hdr, A: addr.AsSlice()}
}

// srvWeight is the SRV weight of a server that weighs this part of the heaviest
// of its pool: 1 to 1000, finer than any client can tell apart, and coarse
// enough that noise changes nothing. A weight of 0 would mean "hardly ever"
// (RFC 2782).
func srvWeight(part float64) uint16 {
	if !(part > 0) { // 0, or not a number where nobody is in
		return 1
	}
	return uint16(min(max(1, part*1000+0.5), 1000))
}

// hostNames makes SRV target names for the servers that have none of their own,
// in the order of the servers: a label of node and service ID below the LB
// name. A name depends on its own server alone, as long as no two come out
// alike, so that a name which somebody has cached keeps its meaning.
func hostNames(parent string, members []policy.Member) []string {
	labels, count := make([]string, len(members)), map[string]int{}
	for i := range members {
		labels[i] = hostLabel(members[i].Server.ID)
		count[labels[i]]++
	}
	hosts := make([]string, len(members))
	for i, label := range labels {
		if label == "" || len(label) > 63 || count[label] > 1 {
			hash := fnv.New64a()
			hash.Write([]byte(members[i].Server.ID))
			label = fmt.Sprintf("s%016x", hash.Sum64())
		}
		if host := label + "." + parent; len(host) <= maxName {
			hosts[i] = host
		}
	}
	return hosts
}

// maxName is the longest name in its text form without escapes (RFC 1035
// section 2.3.4: 255 octets on the wire).
const maxName = 254

// hostLabel makes a host name label (RFC 952, RFC 1123) of a server's ID; it
// may be empty or too long.
func hostLabel(id string) string {
	return strings.Trim(strings.Map(hostRune, strings.ToLower(id)), "-")
}

func hostRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}
