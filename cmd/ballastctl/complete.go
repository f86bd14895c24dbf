package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

// complete offers what pick finds in the present status, as the shell asks for
// it while a command line is typed. Trouble offers nothing.
func (a *app) complete(c *cobra.Command, pick func(control.Status) []string) ([]string, cobra.ShellCompDirective) {
	s, err := a.service().Status(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words := pick(s)
	slices.Sort(words)
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeNames(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(c, func(s control.Status) (names []string) {
		for _, z := range s.Zones {
			for _, n := range z.Names {
				names = append(names, n.Name)
			}
		}
		return names
	})
}

func (a *app) completeServers(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c, func(s control.Status) (ids []string) {
		for _, z := range s.Zones {
			for _, n := range z.Names {
				for _, m := range n.Members {
					ids = append(ids, m.ID)
				}
			}
		}
		return ids
	})
}

func (a *app) completeOverrides(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c, func(s control.Status) (servers []string) {
		for _, o := range s.Overrides {
			servers = append(servers, o.Server)
		}
		return servers
	})
}
