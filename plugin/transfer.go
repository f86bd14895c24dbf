package ballast

import (
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

// Transfer implements transfer.Transferer. LB names are transferred as the
// addresses that could be answered now: LB records mean nothing elsewhere.
func (b *Ballast) Transfer(origin string, serial uint32) (<-chan []dns.RR, error) {
	z := b.zones[origin]
	if z == nil {
		return nil, transfer.ErrNotAuthoritative
	}
	return z.data.Load().transfer(serial), nil
}

// transfer streams the zone, or its SOA alone to a secondary that has it
// already (RFC 1995 section 4: less than the whole is never sent).
func (d *zoneData) transfer(serial uint32) <-chan []dns.RR {
	out := make(chan []dns.RR)
	go func() {
		defer close(out)
		soa := []dns.RR{d.parsed.SOA}
		out <- soa
		if serial != 0 && int32(serial-d.parsed.SOA.Serial) >= 0 { // RFC 1982
			return
		}
		for i := range d.parsed.Records {
			if rr := d.parsed.Records[i].RR; rr != d.parsed.SOA {
				out <- []dns.RR{rr}
			}
		}
		for i := range d.parsed.LBs {
			if rrs := d.present(d.steers[d.parsed.LBs[i].Name]); len(rrs) > 0 {
				out <- rrs
			}
		}
		out <- soa
	}()
	return out
}

// present are the addresses that an LB name could be answered with now: those
// of its pool, or of the name that it falls back to.
func (d *zoneData) present(s *steer) []dns.RR {
	sv := s.served.Load()
	owner, ttl := s.name, seconds(sv.plan.TTL)
	for range maxFallback {
		if sv.plan.Mode != policy.Fallback {
			return adopted(sv.allRecords(), owner, ttl)
		}
		q := query{data: d}
		addrs4, next := q.resolve(s.record.LB.Fallback, policy.A)
		if next == nil {
			addrs6, _ := q.resolve(s.record.LB.Fallback, policy.AAAA)
			return adopted(append(addrs4, addrs6...), owner, ttl)
		}
		s, sv = next, next.served.Load()
	}
	return nil
}

// allRecords are the records of all members that are in.
func (sv *served) allRecords() []dns.RR {
	var rrs []dns.RR
	for i := range sv.members {
		if !sv.plan.Members[i].In {
			continue
		}
		for _, fam := range []policy.Family{policy.A, policy.AAAA} {
			rrs = append(rrs, sv.members[i].answer[fam]...)
		}
	}
	return dns.Dedup(rrs, nil)
}
