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
		fam := policy.A
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

// hostNames makes SRV target names for servers that have none of their own:
// a label from the service ID below the LB name.
type hostNames struct {
	parent string
	taken  map[string]bool
}

func newHostNames(parent string) *hostNames {
	return &hostNames{parent: parent, taken: map[string]bool{}}
}

func (h *hostNames) of(server *pool.Server) string {
	label := hostLabel(server.ID)
	if label == "" || h.taken[label] {
		hash := fnv.New32a()
		hash.Write([]byte(server.ID))
		label = fmt.Sprintf("s%08x", hash.Sum32())
	}
	h.taken[label] = true
	return label + "." + h.parent
}

// hostLabel makes a host name label (RFC 952, RFC 1123) of the last part of a
// server's ID; empty if that cannot be.
func hostLabel(id string) string {
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		id = id[i+1:]
	}
	label := strings.Trim(strings.Map(hostRune, strings.ToLower(id)), "-")
	if len(label) > 63 {
		return ""
	}
	return label
}

func hostRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}
