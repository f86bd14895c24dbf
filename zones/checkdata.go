package zones

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// owner checks that a record stands at a name where it means something.
func (c *checker) owner(n *node, r *Record) {
	t := r.RR.Header().Rrtype
	switch {
	case t == dns.TypeDS && n.name == c.origin:
		c.on(r, Warning, "put it into the zone above", "DS at %s belongs into the zone above (RFC 4035 section 2.4)", n.name)
	case t == dns.TypeDS && n.first(dns.TypeNS) == nil && !c.tornName(n.name):
		c.on(r, Warning, "delegate the name by NS, or remove the DS", "DS at %s stands where nothing is delegated (RFC 4035 section 2.4)", n.name)
	case (t == dns.TypeNS || t == dns.TypeDNAME) && strings.HasPrefix(n.name, "*."):
		c.on(r, Warning, "write it for each name by itself", "%s at the wildcard %s is discouraged: servers and resolvers differ in what it means (RFC 4592 section 4)", typeName(t), n.name)
	}
}

// data checks what miekg/dns takes, and clients do not. An Error is what no
// other server loads.
func (c *checker) data(r *Record) {
	switch rr := r.RR.(type) {
	case *dns.DS:
		c.digest(r, Error, rr.Digest, map[uint8]int{dns.SHA1: 20, dns.SHA256: 32, dns.GOST94: 32, dns.SHA384: 48}[rr.DigestType])
	case *dns.SSHFP: // RFC 4255 section 3.1.2, RFC 6594
		c.digest(r, Warning, rr.FingerPrint, map[uint8]int{1: 20, 2: 32}[rr.Type])
	case *dns.TLSA: // RFC 6698 section 2.1.3
		c.digest(r, Warning, rr.Certificate, map[uint8]int{1: 32, 2: 64}[rr.MatchingType])
	case *dns.CAA:
		if strings.ContainsFunc(rr.Tag, notTag) || rr.Tag == "" {
			c.on(r, Warning, "tags are letters and digits, like issue", "CAA: `%s` is not a tag (RFC 8659 section 4.1)", rr.Tag)
		}
	case *dns.SVCB:
		c.parameters(r, rr)
	case *dns.HTTPS:
		c.parameters(r, &rr.SVCB)
	}
}

func notTag(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
}

// digest wants as many octets as its kind has; 0 stands for a kind that is not known.
func (c *checker) digest(r *Record, s Severity, text string, want int) {
	if got := hex.DecodedLen(len(text)); want > 0 && got != want {
		c.on(r, s, fmt.Sprintf("copy it whole: %d hexadecimal digits", 2*want),
			"%s: digest has %d octets, and not the %d of its kind", typeName(r.RR.Header().Rrtype), got, want)
	}
}

// parameters wants those that are said to be mandatory (RFC 9460 section 8).
func (c *checker) parameters(r *Record, rr *dns.SVCB) {
	var keys, mandatory []dns.SVCBKey
	for _, kv := range rr.Value {
		keys = append(keys, kv.Key())
		if m, ok := kv.(*dns.SVCBMandatory); ok {
			mandatory = m.Code
		}
	}
	for _, key := range mandatory {
		if !slices.Contains(keys, key) || key == dns.SVCB_MANDATORY {
			c.on(r, Error, "add it, or do not call it mandatory", "%s: parameter %s is mandatory, and is not there", typeName(r.RR.Header().Rrtype), key)
		}
	}
}
