package ballast

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

// A secondary gets an LB name as records that answer for it as well as records
// that stand still can: at the name all members that are in, as addresses and
// as SRV records; the SRV records also at _SERVICE._tcp and _PORT._tcp below it;
// and there the SRV targets of our own making. Their TTL is the shortest that
// the LB record allows, since a secondary cannot adapt it. SRV weights are by
// capacity alone: if they followed loads, the serial would never rest.

// handover makes these records of one name.
type handover struct {
	edition *edition
	name    *frozen
	largest float64 // capacity
	rrs     []dns.RR
}

// ttl is that of all records, in seconds.
func (n *frozen) ttl() uint32 { return max(1, seconds(n.plan.Config.MinTTL)) }

// records are all records of an LB name.
func (e *edition) records(n *frozen) []dns.RR {
	h := newHandover(e, n)
	if n.plan.Mode == policy.Fallback {
		h.fallback()
	} else {
		h.members()
	}
	h.targets()
	return dns.Dedup(h.rrs, nil) // servers on two ports of a machine share its address
}

func newHandover(e *edition, n *frozen) *handover {
	h := &handover{edition: e, name: n}
	for i := range n.plan.Members {
		h.largest = max(h.largest, n.plan.Members[i].Server.Capacity)
	}
	return h
}

// members adds those who are in.
func (h *handover) members() {
	n := h.name
	hosts := n.targets()
	for i := range n.plan.Members {
		m := &n.plan.Members[i]
		if !m.In {
			continue
		}
		for _, addr := range m.Server.Addrs {
			h.rrs = append(h.rrs, addressRecord(n.steer.name, addr.Unmap(), n.ttl()))
		}
		if hosts[i] != "" {
			h.srv(m.Server, hosts[i])
		}
	}
}

// srv adds a server's SRV record at all names that it is asked for by.
func (h *handover) srv(server *pool.Server, target string) {
	s := h.name.steer
	owners := []string{s.name}
	if !s.wildcard {
		for _, label := range []string{s.serviceLabel(), fmt.Sprintf("_%d", server.Port)} {
			owners = append(owners, label+"."+s.proto()+"."+s.name)
		}
	}
	for _, owner := range owners {
		if owner != s.name && !h.free(owner) {
			continue
		}
		h.rrs = append(h.rrs, &dns.SRV{
			Hdr:      dns.RR_Header{Name: owner, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: h.name.ttl()},
			Priority: server.Tier,
			Weight:   srvWeight(server.Capacity / h.largest),
			Port:     server.Port,
			Target:   target,
		})
	}
}

// targets adds the addresses of SRV targets that are of our own making. Those
// who are out have theirs too: somebody may still know the name.
func (h *handover) targets() {
	members := h.name.plan.Members
	for i, host := range h.name.targets() {
		if members[i].Server.Host != "" || host == "" || !h.free(host) {
			continue
		}
		for _, addr := range members[i].Server.Addrs {
			h.rrs = append(h.rrs, addressRecord(host, addr.Unmap(), h.name.ttl()))
		}
	}
}

// free tells that a name below an LB name can be used, and is not one of the
// zone file's.
func (h *handover) free(name string) bool {
	label, _ := cutLabel(name)
	return len(name) <= maxName && len(label) <= 63 && strings.Trim(label, labelRunes) == "" && !h.edition.zone.Exists(name)
}

// labelRunes are those of names that we make. Consul's may have others.
const labelRunes = "abcdefghijklmnopqrstuvwxyz0123456789-_"

// fallback adds what the name falls back to, as it is in the same edition.
func (h *handover) fallback() {
	n := h.name
	for range maxFallback {
		next, rrs := h.edition.resolve(n.steer.record.LB.Fallback)
		switch {
		case next == nil:
			h.rrs = append(h.rrs, adopted(rrs, h.name.steer.name, h.name.ttl())...)
			return
		case next.plan.Mode != policy.Fallback:
			other := newHandover(h.edition, next)
			other.members()
			for _, rr := range other.rrs {
				if rr.Header().Name == next.steer.name {
					h.rrs = append(h.rrs, adopted([]dns.RR{rr}, h.name.steer.name, h.name.ttl())...)
				}
			}
			return
		}
		n = next
	}
}

// resolve finds the LB name that a name leads to, or its records.
func (e *edition) resolve(name string) (*frozen, []dns.RR) {
	var rrs []dns.RR
	for _, qtype := range qtypes {
		a := e.zone.Lookup(zones.Question{Name: name, Key: name, Type: qtype})
		if a.Result == zones.Steered {
			return e.named(a.LB.Name), nil
		}
		for _, rr := range a.Answer {
			if rr.Header().Rrtype == qtype { // a CNAME on the way cannot stand beside the LB name
				rrs = append(rrs, rr)
			}
		}
	}
	return nil, rrs
}

// named is the LB name with that owner.
func (e *edition) named(owner string) *frozen {
	for i := range e.names {
		if e.names[i].steer.name == owner {
			return &e.names[i]
		}
	}
	return nil
}

// targets are the names that SRV records have for members, in their order; empty
// where there is none.
func (n *frozen) targets() []string {
	var targets []string
	if n.steer.wildcard { // nothing stands below it
		targets = make([]string, len(n.plan.Members))
	} else {
		targets = hostNames(n.steer.name, n.plan.Members)
	}
	for i := range targets {
		targets[i] = cmp.Or(n.plan.Members[i].Server.Host, targets[i])
	}
	return targets
}

// serviceLabel is the label by which SRV queries ask for the pool's service.
func (s *steer) serviceLabel() string {
	source, _, _ := strings.Cut(s.record.LB.Name, ".")
	return "_" + strings.ToLower(strings.TrimPrefix(source, "_"))
}

// proto is the label of the protocol that the pool is reached by.
func (s *steer) proto() string {
	if s.hasProto("_udp") {
		return "_udp"
	}
	return "_tcp"
}
