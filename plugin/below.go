package ballast

import (
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

// below answers at the names that exist because of an LB name above them:
//
//	_PORT._tcp.NAME, _SERVICE._tcp.NAME   the pool as SRV records (RFC 2782)
//	_tcp.NAME                             an empty non-terminal
//	HOST.NAME                             a target of the SRV records
//
// key is the name in lower case. ok is false if the name is none of these, or
// stands in the zone file.
func (q *query) below(key, asked string, qtype uint16) (a zones.Answer, ok bool) {
	if !q.data.hasLB {
		return a, false
	}
	first, parent := cutLabel(key)
	proto, owner := cutLabel(parent)
	s, service := q.data.steers[parent], false
	if s == nil {
		s, service = q.data.steers[owner], true
	}
	if s == nil || s.wildcard || q.data.parsed.Exists(key) {
		return a, false
	}
	switch {
	case s.served.Load().plan.Mode == policy.Waiting:
		return q.nothing(qtype, 1), true // whether the name exists is not known yet
	case !service:
		return q.host(s, key, qtype)
	case !s.hasService(first, proto):
		return a, false
	case qtype != dns.TypeSRV:
		return q.nothing(qtype, seconds(s.config.TTL)), true
	}
	q.port, _ = portLabel(first)
	a.Name = asked
	q.through(&a, s, policy.SRV)
	return a, true
}

// host answers at a name directly below an LB name.
func (q *query) host(s *steer, key string, qtype uint16) (a zones.Answer, ok bool) {
	if label, _ := cutLabel(key); label == "_tcp" || label == "_udp" {
		return q.nothing(dns.TypeNone, seconds(s.config.TTL)), s.hasProto(label)
	}
	sv := s.served.Load()
	members, ok := sv.hosts[key]
	if !ok {
		return a, false
	}
	for _, i := range members {
		for _, rr := range sv.members[i].glue {
			if rr.Header().Rrtype == qtype {
				a.Answer = append(a.Answer, rr)
			}
		}
	}
	if len(a.Answer) == 0 {
		return q.nothing(qtype, seconds(s.config.TTL)), true
	}
	return a, true
}

// nothing says that a name exists and has nothing of the type, or to ANY that
// there is something.
func (q *query) nothing(qtype uint16, ttl uint32) zones.Answer {
	if qtype == dns.TypeANY {
		return zones.Answer{Result: zones.Success}
	}
	return zones.Answer{Result: zones.NoData, Ns: q.data.negative(ttl)}
}

func cutLabel(name string) (label, rest string) {
	off, end := dns.NextLabel(name, 0)
	if end {
		return strings.TrimSuffix(name, "."), "."
	}
	return name[:off-1], name[off:]
}

// hasProto tells whether the pool is reached by that protocol: what its SRV
// owner says, or TCP.
func (s *steer) hasProto(label string) bool {
	if s.record.LB.Source == zones.SRV {
		if _, rest := cutLabel(s.record.LB.Name); strings.HasPrefix(rest, "_udp.") {
			return label == "_udp"
		}
	}
	return label == "_tcp"
}

// hasService tells whether _SERVICE._PROTO names the pool: by the name of its
// source, or by a port that one of its servers listens on.
func (s *steer) hasService(service, proto string) bool {
	if !s.hasProto(proto) || !strings.HasPrefix(service, "_") {
		return false
	}
	source, _, _ := strings.Cut(s.record.LB.Name, ".")
	if strings.EqualFold(strings.TrimPrefix(service, "_"), strings.TrimPrefix(source, "_")) {
		return true
	}
	port, ok := portLabel(service)
	if !ok {
		return false
	}
	for _, m := range s.served.Load().plan.Members {
		if m.Server.Port == port {
			return true
		}
	}
	return false
}

// portLabel reads _PORT.
func portLabel(label string) (uint16, bool) {
	port, err := strconv.ParseUint(strings.TrimPrefix(label, "_"), 10, 16)
	if err != nil || port == 0 {
		return 0, false
	}
	return uint16(port), true
}

// onPort keeps of a choice the servers that listen on the port.
func (sv *served) onPort(choice policy.Choice, port uint16) policy.Choice {
	kept := choice
	kept.N = 0
	for _, i := range choice.Members[:choice.N] {
		if sv.plan.Members[i].Server.Port == port {
			kept.Members[kept.N] = i
			kept.N++
		}
	}
	return kept
}
