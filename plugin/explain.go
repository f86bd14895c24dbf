package ballast

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

var explained = map[string]policy.Family{"": policy.A, "A": policy.A, "AAAA": policy.AAAA, "SRV": policy.SRV}

// Explain implements control.Service.
func (o *operator) Explain(_ context.Context, r control.ExplainRequest) (control.Explanation, error) {
	fam, ok := explained[strings.ToUpper(r.Type)]
	if !ok {
		return control.Explanation{}, control.Errorf(control.ErrInvalid, "type %s is never steered; ask for A, AAAA or SRV", r.Type)
	}
	s := o.find(dns.CanonicalName(r.Name))
	if s == nil {
		return control.Explanation{}, control.Errorf(control.ErrNotFound, "%s is not an LB name of any zone here; see 'ballastctl status'", r.Name)
	}
	return s.explain(r, fam, time.Now()), nil
}

// find returns the steer of a name, through a wildcard or a CNAME if need be.
func (o *operator) find(qname string) *steer {
	all := zoneSet{}
	for _, z := range o.hub.allZones() {
		_ = all.add(z) // of one zone in several views, the first
	}
	z := all.match(qname)
	if z == nil {
		return nil
	}
	data := z.data.Load()
	a := data.parsed.Lookup(zones.Question{Name: qname, Key: qname, Type: dns.TypeA})
	if a.Result != zones.Steered {
		return nil
	}
	return data.steers[a.LB.Name]
}

func (s *steer) explain(r control.ExplainRequest, fam policy.Family, now time.Time) control.Explanation {
	sv := s.served.Load()
	plan := sv.plan
	in := s.insight(plan, policy.Query{Family: fam, Key: r.From, Now: now, Random: rand.Uint64()})
	e := control.Explanation{
		Name: s.name, Zone: s.zone, Type: fam.String(),
		Source: s.feed.name, Policy: plan.Config.Policy,
		Mode: plan.Mode.String(), Reason: plan.Reason,
		Confirmed: s.feed.status().Confirmed, Snapshot: s.feed.fromSnapshot(),
		TTL: control.Seconds(in.Choice.TTL), Sampled: in.Sampled,
		Tolerance: in.Tolerance, HiddenLoad: hiddenLoad(plan, r, in),
		Bounds: []control.Bound{}, Members: []control.ExplainedMember{}, Drawn: ids(plan, in.Choice.Members[:in.Choice.N]),
	}
	if r.From.IsValid() {
		e.Key = r.From.String()
	}
	for _, b := range in.Bounds {
		e.Bounds = append(e.Bounds, control.Bound{Name: b.Name, TTL: control.Seconds(b.TTL), Server: b.Server, Why: b.Why})
	}
	for i := range plan.Members {
		m := control.ExplainedMember{MemberStatus: s.member(sv, i, now), Factors: control.Factors(plan.Members[i].Factors)}
		if in.Servers != nil {
			b := in.Servers[i]
			m.Belief = &control.Belief{Load: b.Load, Share: b.Share, Longest: control.Seconds(b.Longest)}
		}
		e.Members = append(e.Members, m)
	}
	return e
}

// insight is what the policy goes by.
func (s *steer) insight(plan *policy.Plan, q policy.Query) policy.Insight {
	if s.learner != nil {
		return s.learner.Explain(plan, q)
	}
	choice := s.policy.Draw(plan, q)
	return policy.Insight{Choice: choice, Sampled: !choice.Keyed, Bounds: plan.Bounds}
}

// hiddenLoad is what is known of the key that was asked for; nil if none was, or
// if the policy does not ask for it.
func hiddenLoad(plan *policy.Plan, r control.ExplainRequest, in policy.Insight) *control.HiddenLoad {
	if !r.From.IsValid() || !policy.Learns(plan.Config.Policy) {
		return nil
	}
	h := in.Hidden
	return &control.HiddenLoad{
		Known: h.Known, Trusted: h.Trusted, Rate: h.Rate, Share: h.Weight, Keys: h.Keys,
		Floor: control.Seconds(h.Floor), Caches: h.Caches, Seen: h.Share,
		Held: ids(plan, h.Held), HeldLeft: control.Seconds(h.Left),
	}
}

func ids(plan *policy.Plan, members []uint16) []string {
	list := make([]string, 0, len(members))
	for _, i := range members {
		list = append(list, plan.Members[i].Server.ID)
	}
	return list
}
