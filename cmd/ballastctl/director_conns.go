package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

// page is how many connections are laid out in one table.
const page = 500

func (a *app) connectionsCommand() *cobra.Command {
	var f control.ConnFilter
	var state, client string
	c := &cobra.Command{
		Use:     "connections",
		Aliases: []string{"conns"},
		Short:   "Show connections",
		Long: `Show the table of connections, in no order. Several conditions must all hold.
With --output json it is one object a line.

The states: opening (no SYN-ACK yet), answered, established, fin-wait (one side
has closed), time-wait (both have), close (reset), udp, moved (what is left at a
server that was given up while opening), dead (about to be freed). IDLE is the
time since the last packet; after EXPIRES without one the connection is
forgotten.`,
		Example: `  ballastctl director connections --limit 20
  ballastctl director connections --vip web --state opening
  ballastctl director connections --server 10.201.0.12 --client 203.0.113.0/24
  ballastctl director connections --limit 0 -o json | jq -r .server | sort | uniq -c`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			f.State = control.ConnState(strings.ToLower(state))
			if f.Client, err = parsePrefix("--client", client); err != nil {
				return err
			}
			if err := f.Validate(); err != nil {
				return usageError{fmt.Errorf("%s%w", commandPrefix(c), err)}
			}
			return a.connections(c.Context(), f)
		},
	}
	a.addVIPFlag(c, &f.VIP, "only of this VIP: a name, address, address:port or pattern")
	c.Flags().StringVar(&f.Server, "server", "", "only of this server: an ID, address, address:port or pattern")
	c.Flags().StringVar(&state, "state", "", "only in this state")
	c.Flags().StringVar(&client, "client", "", "only of clients of this address or prefix")
	c.Flags().IntVar(&f.Limit, "limit", 100, "at most so many; 0 for all")
	c.RegisterFlagCompletionFunc("server", a.completeDirector(realIDs))
	c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(connStates(), cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("client", cobra.NoFileCompletions)
	c.RegisterFlagCompletionFunc("limit", cobra.NoFileCompletions)
	return c
}

func connStates() (words []string) {
	for _, s := range control.ConnStates() {
		words = append(words, string(s))
	}
	return words
}

// connections shows what the filter chooses as it comes, a page at a time. It
// asks for one more than the limit, to know whether there are more.
func (a *app) connections(ctx context.Context, f control.ConnFilter) error {
	limit := f.Limit
	if limit > 0 {
		f.Limit++
	}
	out := connPrinter{app: a}
	for c, err := range a.director().Connections(ctx, f) {
		if err != nil {
			_ = out.flush() // the first error is the one to tell
			return err
		}
		if limit > 0 && out.n == limit {
			fmt.Fprintf(a.stderr, "ballastctl: there are more than %d; --limit 0 shows all\n", limit)
			break
		}
		if err := out.add(c); err != nil {
			return err
		}
	}
	if out.n == 0 && !a.json() {
		return a.print("No connection matches.\n")
	}
	return out.flush()
}

// connPrinter writes connections in pages.
type connPrinter struct {
	*app
	n     int
	table *table
}

func (p *connPrinter) add(c control.Connection) error {
	p.n++
	if p.json() {
		return json.NewEncoder(p.stdout).Encode(c)
	}
	if p.table == nil {
		p.table = newTable("", "CLIENT", "VIP", "SERVER", "STATE", "IDLE", "EXPIRES", "NOTES")
	}
	p.table.row(c.Client.String(), connVIP(c), connServer(c), string(c.State),
		shortAge(c.Idle.Duration()), shortAge(c.Expires.Duration()), connNotes(c))
	if p.n%page == 0 {
		return p.flush()
	}
	return nil
}

// flush writes the present page.
func (p *connPrinter) flush() error {
	if p.table == nil {
		return nil
	}
	text := p.table.String()
	p.table = nil
	return p.print(text)
}

// connVIP is the VIP by name and port, or by its address if it has no name.
func connVIP(c control.Connection) string {
	if c.Service == "" {
		return c.VIP.String()
	}
	return c.Service + ":" + strconv.Itoa(int(c.VIP.Port()))
}

func connServer(c control.Connection) string {
	if c.ServerID == "" {
		return c.Server.String()
	}
	return cut(c.ServerID)
}

func connNotes(c control.Connection) string {
	words := append([]string{}, c.Flags...)
	if c.Repeats > 0 {
		words = append(words, fmt.Sprintf("%d repeats", c.Repeats))
	}
	if len(c.Tried) > 0 {
		words = append(words, "tried "+strings.Join(c.Tried, " "))
	}
	return strings.Join(words, ", ")
}
