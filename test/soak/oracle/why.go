package oracle

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// allowed lists who may be answered.
func (v *view) allowed() string {
	var list []string
	for addr, id := range v.addrs {
		list = append(list, fmt.Sprintf("%v (%s)", addr, id))
	}
	slices.Sort(list)
	if len(list) > 12 {
		list = append(list[:12], fmt.Sprintf("and %d more", len(list)-12))
	}
	if v.empty {
		list = append(list, "nobody")
	}
	return strings.Join(list, ", ")
}

// why tells what is known of an address in the time that the answer may be of.
func (c *caseOf) why(lb *LB, addr netip.Addr) string {
	src := c.model.sources[lb.Source]
	oldest := src.sight.oldest(c.asked.Sent)
	spans := src.pools.in(src.pools.during(oldest, c.asked.Received))
	var history []string
	for i := range spans {
		history = append(history, fmt.Sprintf("%s since %s", stateOf(spans[i].value, addr), stamp(spans[i].from)))
	}
	text := strings.Join(slices.Compact(history), ", ")
	drains := c.model.drains.in(c.model.drains.during(c.asked.Sent-c.model.limits.Operator, c.asked.Received))
	for id := range drains[0].value {
		if s, ok := spans[len(spans)-1].value[id]; ok && slices.Contains(s.Addrs, addr) {
			text += "; drained"
		}
	}
	return fmt.Sprintf("%s (the view may be as old as %s)", text, stamp(oldest))
}

// whyHost is why of the server behind a target.
func (c *caseOf) whyHost(lb *LB, target string) string {
	for id, s := range c.model.sources[lb.Source].pools.latest() {
		if s.Host == target || hostLabel(id)+"."+lb.Owner == target {
			return c.why(lb, s.Addrs[0])
		}
	}
	return "not a member now"
}

func stateOf(p Pool, addr netip.Addr) string {
	for id, s := range p {
		if slices.Contains(s.Addrs, addr) {
			return fmt.Sprintf("%s %s, load %.2f, tier %d", id, s.Health, s.Load, s.Tier)
		}
	}
	return "not a member"
}

// stamp is a time as reports have it.
func stamp(t time.Duration) string {
	t = max(t, 0)
	return fmt.Sprintf("%02d:%06.3f", int(t.Minutes()), (t % time.Minute).Seconds())
}
