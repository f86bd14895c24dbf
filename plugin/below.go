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
// done is false if the name is none of these, or stands in the zone file.
func (q *query) below(qtype uint16) (done bool, rcode int, err error) {
	first, parent := cutLabel(q.qname)
	proto, owner := cutLabel(parent)
	s, service := q.data.steers[parent], false
	if s == nil {
		s, service = q.data.steers[owner], true
	}
	if s == nil || s.wildcard {
		return false, 0, nil
	}
	if _, exists := q.data.static.Search(q.qname); exists {
		return false, 0, nil
	}
	switch {
	case s.served.Load().plan.Mode == policy.Waiting:
		return q.done(q.nodata(1)) // whether the name exists is not known yet
	case !service:
		return q.host(s, first, qtype)
	case !s.hasService(first, proto):
		return false, 0, nil
	case qtype != dns.TypeSRV:
		return q.done(q.nodata(seconds(s.config.TTL)))
	}
	q.port, _ = portLabel(first)
	m := q.reply()
	m.Answer, m.Extra = q.members(s, nil, policy.SRV, q.r.Question[0].Name)
	if len(m.Answer) == 0 {
		return q.done(q.nodata(s.served.Load().negativeTTL()))
	}
	return q.done(q.send(m))
}

func (q *query) done(rcode int, err error) (bool, int, error) { return true, rcode, err }

// host answers at a name directly below an LB name.
func (q *query) host(s *steer, label string, qtype uint16) (done bool, rcode int, err error) {
	if label == "_tcp" || label == "_udp" {
		if s.hasProto(label) {
			return q.done(q.nodata(seconds(s.config.TTL)))
		}
		return false, 0, nil
	}
	sv := s.served.Load()
	members, ok := sv.hosts[q.qname]
	if !ok {
		return false, 0, nil
	}
	m := q.reply()
	for _, i := range members {
		for _, rr := range sv.members[i].glue {
			if rr.Header().Rrtype == qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
	}
	if len(m.Answer) == 0 {
		return q.done(q.nodata(seconds(s.config.TTL)))
	}
	return q.done(q.send(m))
}

// nodata answers that the name exists and has nothing of the type.
func (q *query) nodata(ttl uint32) (int, error) {
	m := q.reply()
	if q.r.Question[0].Qtype == dns.TypeANY {
		m.Answer = []dns.RR{anyRecord(q.r.Question[0].Name)}
		return q.send(m)
	}
	m.Ns = q.data.negative(ttl)
	return q.send(m)
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
