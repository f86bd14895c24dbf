package main

import (
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

func (a *app) directorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "director",
		Short: "See and steer a director: its VIPs, servers and connections",
		Long: `Ask the director on this machine which VIPs it serves by which servers, show
its connections and why each has the server that it has, and take servers out
and in.`,
		Example: `  ballastctl director status
  ballastctl director top web
  ballastctl director connections --state opening
  ballastctl director explain 203.0.113.7:40312
  ballastctl director drain 10.201.0.12 --deadline 10m`,
		Args: unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&a.directorSocket, "socket", a.directorSocket, "control socket; or $BALLAST_DIRECTOR")
	c.AddCommand(a.directorStatusCommand(), a.directorTopCommand(), a.connectionsCommand(), a.explainConnCommand(),
		a.directorDrainCommand(), a.directorUndrainCommand())
	return c
}

func (a *app) director() control.Director { return a.dialDirector(a.directorSocket) }

// completeDirector offers what pick finds in the director's present status.
func (a *app) completeDirector(pick func(control.DirectorStatus) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		s, err := a.director().Status(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words := pick(s)
		slices.Sort(words)
		return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
	}
}

// once completes the first argument only.
func once(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, args, word)
	}
}

func vipNames(s control.DirectorStatus) (names []string) {
	for _, v := range s.VIPs {
		names = append(names, v.Name)
	}
	return names
}

func realIDs(s control.DirectorStatus) (ids []string) {
	for _, v := range s.VIPs {
		for _, r := range v.Servers {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func drainedServers(s control.DirectorStatus) (servers []string) {
	for _, o := range s.Drains {
		servers = append(servers, o.Server)
	}
	return servers
}

// addVIPFlag adds --vip.
func (a *app) addVIPFlag(c *cobra.Command, vip *string, help string) {
	c.Flags().StringVar(vip, "vip", "", help)
	c.RegisterFlagCompletionFunc("vip", a.completeDirector(vipNames))
}

// realColours are those of the states of real servers; see colours.
var realColours = map[control.RealState]int{
	control.RealUp: 32, control.RealDraining: 35, control.RealEjected: 33, control.RealDown: 31,
}

// realState is a cell of the column of states; realStateHeader its header.
func (a *app) realState(s control.RealState) string {
	colour, ok := realColours[s]
	if !ok {
		colour = 39
	}
	return a.paint(colour, string(s))
}

func (a *app) realStateHeader() string { return a.paint(39, "STATE") }

// realAddress leaves out the port that the client chooses.
func realAddress(at netip.AddrPort) string {
	switch {
	case !at.IsValid():
		return "-"
	case at.Port() == 0:
		return at.Addr().String()
	}
	return at.String()
}
