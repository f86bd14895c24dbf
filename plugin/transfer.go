package ballast

import (
	"fmt"

	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

// Transfer implements transfer.Transferer.
func (b *Ballast) Transfer(origin string, serial uint32) (<-chan []dns.RR, error) {
	z := b.zones[origin]
	if z == nil {
		return nil, transfer.ErrNotAuthoritative
	}
	e := z.edition.Load()
	if e == nil {
		return nil, fmt.Errorf("zone %s is not transferred before all its pools are known", z.origin)
	}
	return e.transfer(serial), nil
}

// transfer streams the zone, or its SOA alone to a secondary that has it
// already (RFC 1995 section 4: less than the whole is never sent).
func (e *edition) transfer(serial uint32) <-chan []dns.RR {
	out := make(chan []dns.RR)
	go func() {
		defer close(out)
		soa := []dns.RR{e.zone.SOA}
		out <- soa
		if serial != 0 && !newer(e.zone.SOA.Serial, serial) {
			return
		}
		for i := range e.zone.Records {
			if rr := e.zone.Records[i].RR; rr.Header().Rrtype != dns.TypeSOA {
				out <- []dns.RR{rr}
			}
		}
		for i := range e.names {
			if rrs := e.records(&e.names[i]); len(rrs) > 0 {
				out <- rrs
			}
		}
		out <- soa
	}()
	return out
}
