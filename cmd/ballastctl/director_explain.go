package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

func (a *app) explainConnCommand() *cobra.Command {
	var vip string
	c := &cobra.Command{
		Use:   "explain CLIENT:PORT",
		Short: "Say why a connection has its server",
		Long: `Say which server a client's connection has and why: who chose it, which servers
were tried before, and what a connection that is opened now would get. A client
without a connection is told what it would get.

--vip is needed only if the client has connections to several VIPs, or none and
there are several VIPs. An IPv6 address stands in brackets.`,
		Example: `  ballastctl director explain 203.0.113.7:40312
  ballastctl director explain '[2001:db8::7]:40312'
  ballastctl director explain 203.0.113.7:40312 --vip web`,
		Args:              one,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			client, err := netip.ParseAddrPort(args[0])
			if err != nil {
				return usagef("%s%s is no address and port such as 203.0.113.7:40312 or [2001:db8::7]:40312", commandPrefix(c), args[0])
			}
			e, err := a.director().Explain(c.Context(), control.ConnExplainRequest{Client: client, VIP: vip})
			switch {
			case err != nil:
				return err
			case a.json():
				return a.printJSON(e)
			}
			return a.print(a.showConnExplain(e))
		},
	}
	a.addVIPFlag(c, &vip, "the VIP: a name, address or address:port")
	return c
}

func (a *app) showConnExplain(e control.ConnExplain) string {
	var b strings.Builder
	if e.Found && e.Connection != nil {
		b.WriteString(pathOf(*e.Connection))
	} else {
		fmt.Fprintf(&b, "%s has no connection to %s.\n", e.Client, e.Service)
	}
	if len(e.Sentences) > 0 {
		b.WriteString("\n")
	}
	for _, sentence := range e.Sentences {
		note(&b, "", sentence)
	}
	b.WriteString(a.candidatesTable(e.Candidates))
	return b.String()
}

// pathOf is the way of a connection's packets, and its state.
func pathOf(c control.Connection) string {
	var b strings.Builder
	local := ""
	if c.Local.IsValid() {
		local = fmt.Sprintf(" as %s", c.Local)
	}
	note(&b, "", fmt.Sprintf("%s %s to %s, forwarded%s to %s", c.Protocol, c.Client, named(c.VIP, c.Service),
		local, named(c.Server, c.ServerID)))
	text := fmt.Sprintf("%s, idle %s, server silent %s, forgotten in %s if no packet comes", c.State,
		shortAge(c.Idle.Duration()), shortAge(c.Silent.Duration()), shortAge(c.Expires.Duration()))
	note(&b, "  ", text+prefixed("; ", connNotes(c)))
	return b.String()
}

// named is an address with a name that says more than it does.
func named(at netip.AddrPort, name string) string {
	if name == "" || name == at.String() || name == at.Addr().String() {
		return at.String()
	}
	return fmt.Sprintf("%s (%s)", at, name)
}

func (a *app) candidatesTable(candidates []control.Candidate) string {
	if len(candidates) == 0 {
		return "\nThe VIP has no servers.\n"
	}
	t := newTable("  ", "SERVER", "ADDRESS", a.realStateHeader(), "ACTIVE", "WEIGHT", "NOW")
	var why strings.Builder
	for _, c := range candidates {
		t.row(cut(c.Server), realAddress(c.Address), a.realState(c.State), tally(c.Active), number(c.Weight), standing(c))
		note(&why, "  ", prefixed(c.Server+": ", c.Why))
	}
	return "\nOpened now:\n" + t.String() + why.String()
}

// standing is what a server would be for a connection opened now.
func standing(c control.Candidate) string {
	word := "not eligible"
	switch {
	case c.Next:
		word = "next"
	case c.Eligible:
		word = "eligible"
	}
	if c.Tried {
		word += ", tried"
	}
	return word
}
