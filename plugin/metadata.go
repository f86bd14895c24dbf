package ballast

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
)

// Metadata implements metadata.Provider. The labels are set when the answer is
// known; until then, and for names that are not steered, they are empty.
func (b *Ballast) Metadata(ctx context.Context, _ request.Request) context.Context { return ctx }

// tellMetadata describes an answer to whoever observes the query above us. It
// is called only when the metadata plugin is on.
func (q *query) tellMetadata(sv *served, choice policy.Choice) {
	ctx, w, r := q.ctx, q.w, q.r // for the closures: q itself shall not escape
	set := func(label string, value func() string) { metadata.SetValueFunc(ctx, name+"/"+label, value) }
	set("servers", func() string { return sv.ids(&choice) })
	set("mode", func() string { return sv.plan.Mode.String() })
	set("ttl", func() string { return ttlText(sv.plan, choice.TTL) })
	set("key", func() string { return resolverKey(w, r).String() })
}

// ids names the chosen members.
func (sv *served) ids(choice *policy.Choice) string {
	var b strings.Builder
	for n, i := range choice.Members[:choice.N] {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(sv.plan.Members[i].Server.ID)
	}
	return b.String()
}

// ttlText is an answer's TTL and what decided it: a bound of the plan, or the
// policy.
func ttlText(p *policy.Plan, ttl time.Duration) string {
	by := p.Config.Policy
	if ttl == p.TTL {
		if len(p.Bounds) == 0 {
			return fmt.Sprintf("%ds", seconds(ttl))
		}
		by = decided(p).Name
	}
	return fmt.Sprintf("%ds:%s", seconds(ttl), strings.ReplaceAll(by, " ", "-"))
}

// decided is the bound that set the plan's TTL.
func decided(p *policy.Plan) policy.Bound {
	for _, b := range p.Bounds {
		if b.TTL == p.TTL {
			return b
		}
	}
	return p.Bounds[0]
}
