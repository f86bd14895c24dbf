package main

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/plugin/policy"
)

func (a *app) explainCommand() *cobra.Command {
	var from, qtype string
	c := &cobra.Command{
		Use:   "explain NAME",
		Short: "Say who answers for a name, who does not, and why",
		Long: `Say how a name is answered now: which servers are in and which are out and
why, the factors of each weight, and which bound set the TTL.

--from is the resolver key: the prefix that a query carries as its EDNS client
subnet, or else the resolver's address. Some policies answer each key in its
own way.`,
		Example: `  ballastctl explain www.example.org
  ballastctl explain www.example.org --from 203.0.113.0/24
  ballastctl explain www.example.org --from 2001:db8::53 --type AAAA`,
		Args:              one,
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := parsePrefix("--from", from)
			if err != nil {
				return err
			}
			e, err := a.service().Explain(c.Context(), control.ExplainRequest{Name: args[0], Type: strings.ToUpper(qtype), From: key})
			switch {
			case err != nil:
				return err
			case a.json():
				return a.printJSON(e)
			}
			return a.print(a.showExplanation(e))
		},
	}
	c.Flags().StringVar(&from, "from", "", "prefix or address of the resolver that asks")
	c.Flags().StringVar(&qtype, "type", "A", "A, AAAA or SRV")
	c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions([]string{"A", "AAAA", "SRV"}, cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("from", cobra.NoFileCompletions)
	return c
}

// parsePrefix reads a prefix, or an address as the prefix of its full length.
func parsePrefix(flag, s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, usagef("%s %s is neither a prefix such as 203.0.113.0/24 nor an address", flag, s)
	}
	return netip.PrefixFrom(addr.WithZone(""), addr.BitLen()), nil
}

func (a *app) showExplanation(e control.Explanation) string {
	in, out := split(e.Members)
	return a.heading(e) + hiddenLoad(e) + a.inTable(e, in) + beliefTable(e, in) + a.outTable(out) + boundsTable(e)
}

func split(members []control.ExplainedMember) (in, out []control.ExplainedMember) {
	for _, m := range members {
		if m.In {
			in = append(in, m)
		} else {
			out = append(out, m)
		}
	}
	return in, out
}

// heading says what was asked, in which mode it is answered, and with what.
func (a *app) heading(e control.Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Name, e.Type)
	if e.Key != "" {
		fmt.Fprintf(&b, ", asked from %s", e.Key)
	}
	fmt.Fprintf(&b, ", in zone %s\n", e.Zone)
	note(&b, "", fmt.Sprintf("Servers from %s, policy %s, mode %s%s.", e.Source, e.Policy, e.Mode, prefixed(": ", e.Reason)))
	note(&b, "", a.fromSnapshot("The pool", e.Snapshot, e.Confirmed))
	drawn := strings.Join(e.Drawn, ", ")
	switch {
	case len(e.Drawn) == 0:
		drawn = "no server"
	case e.Sampled:
		drawn += " (a sample: the next query is drawn anew, by the shares)"
	}
	note(&b, "", fmt.Sprintf("Answer now: %s, TTL %s.", drawn, answerTTL(e)))
	return b.String()
}

// answerTTL is the TTL of the answer. Without a key there is none of a policy
// that gives each key its own.
func answerTTL(e control.Explanation) string {
	if e.Key == "" && policy.Adapts(e.Policy) {
		return seconds(e.TTL) + " at most: each resolver gets its own, which --from shows"
	}
	return seconds(e.TTL)
}

func (a *app) inTable(e control.Explanation, in []control.ExplainedMember) string {
	if len(in) == 0 {
		return "\nNo server is in.\n"
	}
	t := newTable("  ", "SERVER", "ADDRESS", a.healthHeader(), "LOAD", "SHARE", "WEIGHT")
	for _, m := range in {
		t.row(m.ID, address(m.MemberStatus), a.health(m.Health), load(m.MemberStatus), percent(m.Share), product(m, e.Mode))
	}
	return fmt.Sprintf("\n%s (weight = capacity x health x headroom x ramp x override):\n", count(len(in), "server is in", "servers are in")) +
		t.String() + notes(plain(in))
}

func (a *app) outTable(out []control.ExplainedMember) string {
	if len(out) == 0 {
		return "\nNo server is out.\n"
	}
	t := newTable("  ", "SERVER", "ADDRESS", "TIER", a.healthHeader(), "LOAD")
	for _, m := range out {
		t.row(m.ID, address(m.MemberStatus), strconv.Itoa(int(m.Tier)), a.health(m.Health), load(m.MemberStatus))
	}
	return fmt.Sprintf("\n%s:\n", count(len(out), "server is out", "servers are out")) + t.String() + notes(plain(out))
}

// plain are the members without their factors.
func plain(members []control.ExplainedMember) []control.MemberStatus {
	list := make([]control.MemberStatus, len(members))
	for i, m := range members {
		list[i] = m.MemberStatus
	}
	return list
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// product is a weight with its factors, and a word where the mode overrules
// them.
func product(m control.ExplainedMember, mode string) string {
	f := m.Factors
	factors := []float64{f.Capacity, f.Health, f.Headroom, f.Ramp, f.Override}
	weight, texts := 1.0, make([]string, len(factors))
	for i, v := range factors {
		weight *= v
		texts[i] = number(v)
	}
	text := fmt.Sprintf("%s = %s", number(weight), strings.Join(texts, " x "))
	if math.Abs(weight-m.Weight) > 1e-6*math.Max(weight, m.Weight) {
		text += fmt.Sprintf(", but %s in mode %s", number(m.Weight), mode)
	}
	return text
}

// minTTL is the name of the bound that no other may go below.
const minTTL = "min-ttl"

// decisive is the index of the bound that set the TTL: the shortest, unless
// min-ttl lifts it. It is -1 if there are none.
func decisive(bounds []control.Bound) int {
	shortest := -1
	for i, b := range bounds {
		if b.Name != minTTL && (shortest < 0 || b.TTL < bounds[shortest].TTL) {
			shortest = i
		}
	}
	floor := slices.IndexFunc(bounds, func(b control.Bound) bool { return b.Name == minTTL })
	if floor >= 0 && (shortest < 0 || bounds[floor].TTL > bounds[shortest].TTL) {
		return floor
	}
	return shortest
}

func boundsTable(e control.Explanation) string {
	set := decisive(e.Bounds)
	if set < 0 {
		return fmt.Sprintf("\nThe TTL is %s.\n", seconds(e.TTL))
	}
	t := newTable("  ", "BOUND", "TTL", "SERVER")
	var why strings.Builder
	for i, b := range e.Bounds {
		ttl := seconds(b.TTL)
		if i == set {
			ttl += " *"
		}
		t.row(b.Name, ttl, orDash(b.Server))
		if b.Why != "" {
			note(&why, "  ", b.Name+": "+b.Why)
		}
	}
	return fmt.Sprintf("\nThe TTL is %s, set by %s:\n", seconds(e.TTL), boundPhrase(e.Bounds[set], e.TTL)) + t.String() + why.String()
}

func boundPhrase(b control.Bound, ttl control.Seconds) string {
	text := b.Name
	if b.Server != "" {
		text += " of " + b.Server
	}
	if b.TTL != ttl {
		text += fmt.Sprintf(" (%s, cut to whole seconds)", b.TTL.Duration().Round(time.Millisecond))
	}
	return text
}
