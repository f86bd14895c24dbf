package ballast

import (
	"cmp"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/miekg/dns"
)

// served is one plan with its records made beforehand, so that an answer only
// gathers pointers. It is immutable; its records are shared by all answers.
type served struct {
	plan    *policy.Plan
	members []memberRecords  // in the order of plan.Members
	hosts   map[string][]int // SRV target names of our own making -> members
	twins   bool             // some members share an address
	byTTL   *variants
	keyed   bool // the policy looks at resolver key and time
}

// memberRecords are the records of one member. Their slices have no spare
// capacity: whoever appends to an answer gets a copy.
type memberRecords struct {
	answer [policy.Families][]dns.RR
	glue   []dns.RR       // addresses of the SRV target
	given  *atomic.Uint64 // answers that it was put into; goes on with its next plans
}

// newServed makes the records of a plan, or takes them from the last one when
// they would come out the same.
func newServed(s *steer, plan *policy.Plan, old *served) *served {
	if old != nil && old.plan.Same(plan) && sameServers(old.plan, plan) {
		return &served{plan: plan, members: old.members, hosts: old.hosts, twins: old.twins, byTTL: old.byTTL, keyed: old.keyed}
	}
	sv := &served{plan: plan, members: make([]memberRecords, len(plan.Members)), hosts: map[string][]int{}, byTTL: &variants{}, keyed: policy.Keyed(plan.Config.Policy)}
	names, counts := hostNames(s.name, plan.Members), countsOf(cmp.Or(old, s.before))
	ttl, largest := seconds(plan.TTL), largestShare(plan)
	for i := range plan.Members {
		server := plan.Members[i].Server
		host := server.Host
		if host == "" && !s.wildcard {
			host = names[i]
			sv.hosts[host] = append(sv.hosts[host], i)
		}
		sv.members[i] = makeRecords(s.name, host, server, &plan.Members[i], largest, ttl)
		sv.members[i].given = counts.of(server.ID)
	}
	sv.twins = haveTwins(plan)
	return sv
}

// counts are the answers that servers were put into so far, by server ID.
type counts map[string]*atomic.Uint64

// countsOf takes over those of what was served before, which may be nil.
func countsOf(before *served) counts {
	c := counts{}
	if before != nil {
		for i := range before.members {
			c[before.plan.Members[i].Server.ID] = before.members[i].given
		}
	}
	return c
}

func (c counts) of(id string) *atomic.Uint64 {
	if n, ok := c[id]; ok {
		return n
	}
	return new(atomic.Uint64)
}

// haveTwins tells whether an address belongs to two members, as with servers
// on two ports of one machine.
func haveTwins(plan *policy.Plan) bool {
	seen := map[netip.Addr]bool{}
	for i := range plan.Members {
		for _, addr := range plan.Members[i].Server.Addrs {
			if seen[addr] {
				return true
			}
			seen[addr] = true
		}
	}
	return false
}

func largestShare(plan *policy.Plan) (largest float64) {
	for i := range plan.Members {
		largest = max(largest, plan.Members[i].Share)
	}
	return largest
}

// sameServers tells whether two plans would give the same records: the
// addresses behind the same IDs may have changed.
func sameServers(a, b *policy.Plan) bool {
	if len(a.Members) != len(b.Members) {
		return false
	}
	for i := range a.Members {
		if !sameRecords(a.Members[i].Server, b.Members[i].Server) {
			return false
		}
	}
	return true
}

func sameRecords(a, b *pool.Server) bool {
	if a.ID != b.ID || a.Host != b.Host || a.Port != b.Port || a.Tier != b.Tier || len(a.Addrs) != len(b.Addrs) {
		return false
	}
	for i := range a.Addrs {
		if a.Addrs[i] != b.Addrs[i] {
			return false
		}
	}
	return true
}

// records adds the chosen members' records to an answer and, for SRV,
// their targets' addresses to the additional section.
func (sv *served) records(answer, extra []dns.RR, fam policy.Family, choice *policy.Choice) (a, e []dns.RR) {
	ttl, first := seconds(choice.TTL), len(answer)
	ready := ttl == seconds(sv.plan.TTL)
	var v *variant
	if !ready {
		v = sv.byTTL.of(ttl, len(sv.members))
	}
	for _, i := range choice.Members[:choice.N] {
		m := sv.with(v, i, ttl)
		answer = append(answer, m.answer[fam]...)
		if fam == policy.SRV {
			extra = append(extra, m.glue...)
		}
		m.given.Add(1)
	}
	if !ready && v == nil {
		setTTL(answer[first:], ttl) // what is before them are aliases
		setTTL(extra, ttl)
	}
	if sv.twins { // RFC 2181 section 5: no record twice in a set
		answer, extra = dns.Dedup(answer, nil), dns.Dedup(extra, nil)
	}
	return answer, extra
}

// room is an additional section that the targets of all members fit into, with
// a place for the OPT record that CoreDNS appends.
func (sv *served) room(fam policy.Family) []dns.RR {
	if fam != policy.SRV {
		return nil
	}
	n := 1
	for i := range sv.members {
		n += len(sv.members[i].glue)
	}
	return make([]dns.RR, 0, min(n, policy.MaxAnswers*2+1))
}

// setTTL gives records another TTL, by replacing them: those of a snapshot are
// shared.
func setTTL(rrs []dns.RR, ttl uint32) { copy(rrs, copied(rrs, ttl)) }

// copied are copies of records, with another TTL.
func copied(rrs []dns.RR, ttl uint32) []dns.RR {
	if len(rrs) == 0 {
		return nil
	}
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Ttl = ttl
	}
	return out
}

// negativeTTL is the TTL of a NODATA answer at the LB name: while the pool is
// unknown it must not be remembered for long.
func (sv *served) negativeTTL() uint32 {
	if sv.plan.Mode == policy.Live {
		return seconds(sv.plan.TTL)
	}
	if sv.plan.Mode == policy.Waiting {
		return 1
	}
	return seconds(sv.plan.Config.MinTTL)
}

func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }
