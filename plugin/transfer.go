package ballast

import (
	"context"

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
	data := z.data.Load()
	records, err := data.static.Transfer(serial)
	if err != nil {
		return nil, err
	}
	out := make(chan []dns.RR)
	go func() {
		defer close(out)
		for rrs := range records {
			if rrs = data.resolved(rrs); len(rrs) > 0 {
				out <- rrs
			}
		}
	}()
	return out, nil
}

// resolved puts the present members' records in the place of LB records.
func (d *zoneData) resolved(rrs []dns.RR) []dns.RR {
	out := make([]dns.RR, 0, len(rrs))
	for _, rr := range rrs {
		if rr.Header().Rrtype != typeLB {
			out = append(out, rr)
			continue
		}
		if s := d.steers[rr.Header().Name]; s != nil {
			out = append(out, d.present(s)...)
		}
	}
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
		q := query{ctx: context.Background(), w: nobody{}, data: d}
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
