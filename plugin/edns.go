package ballast

import (
	"github.com/miekg/dns"
)

// doBit is the only flag that EDNS version 0 knows (RFC 6891 section 6.1.4).
const doBit = 0x8000

// readEDNS reads the query's OPT record, which CoreDNS makes the reply's. ok is
// false if the query must be refused with FORMERR.
func readEDNS(r *dns.Msg) (ok bool) {
	var opt *dns.OPT
	for _, rr := range r.Extra {
		o, is := rr.(*dns.OPT)
		if !is {
			continue
		}
		if opt != nil { // RFC 6891 section 6.1.1
			opt.Option, o.Option = nil, nil
			return false
		}
		opt = o
	}
	if opt == nil {
		return true
	}
	opt.Hdr.Ttl &= doBit // the other flags are not to be returned, and CoreDNS returns some
	if subnetMalformed(opt) {
		opt.Option = nil // what is malformed is not to be returned either
		return false
	}
	return true
}
