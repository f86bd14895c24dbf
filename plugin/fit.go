package ballast

import (
	"github.com/miekg/dns"
)

// laterRoom is for options that come later: a cookie, and an NSID of some length.
const laterRoom = 64

// fit leaves out what stands in the additional section for convenience alone,
// where it would not fit into the client's buffer of this size. CoreDNS would set TC for it,
// and have the client ask again over TCP for nothing (RFC 2181 section 9). Glue is
// no convenience: a referral without it says TC (RFC 9471).
func (q *query) fit(m *dns.Msg, size int) {
	room := size - laterRoom
	if size == dns.MaxMsgSize || !q.optional(m) || atMost(m) <= room {
		return
	}
	m.Compress = true
	extra, opt := m.Extra, []dns.RR(nil)
	if last := len(extra) - 1; extra[last].Header().Rrtype == dns.TypeOPT {
		extra, opt = extra[:last], extra[last:]
	}
	over, kept := m.Len()-room, len(extra)
	for over > 0 && kept > 0 {
		kept--
		over -= dns.Len(extra[kept]) - len(extra[kept].Header().Name) + 1 // owners are compressed
	}
	if over <= 0 { // else the answer itself is too large, and TC is right
		m.Extra = append(extra[:kept:kept], opt...)
	}
}

// optional tells whether the additional section can be done without: it only
// spares clients of this answer further questions.
func (q *query) optional(m *dns.Msg) bool {
	if len(m.Answer) == 0 || len(m.Extra) == 0 || m.Extra[0].Header().Rrtype == dns.TypeOPT {
		return false
	}
	if q.b.signer != nil && wantsSignatures(q.r) {
		return false // signatures come later, and their size with them
	}
	return len(m.Ns) == 0 || m.Ns[0].Header().Rrtype != dns.TypeNS || m.Ns[0].Header().Name == q.zone.origin
}

// atMost is a bound of the reply's length that is quickly found: what is far from
// the limit need not be measured.
func atMost(m *dns.Msg) int {
	const header, fixed = 12, 10 // octets of a message, and of a record
	n := header + len(m.Question[0].Name) + 5
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			switch rr := rr.(type) {
			case *dns.A:
				n += len(rr.Hdr.Name) + 1 + fixed + 4
			case *dns.AAAA:
				n += len(rr.Hdr.Name) + 1 + fixed + 16
			case *dns.SRV:
				n += len(rr.Hdr.Name) + 1 + fixed + 6 + len(rr.Target) + 1
			default:
				n += dns.Len(rr)
			}
		}
	}
	return n
}
