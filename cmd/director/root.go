package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `ballast-director owns VIPs and sends each of their connections to a live real
server: also those that are being opened while a server dies.

One HCL file says which VIPs there are and what stands behind them. The least
that works:

  interfaces = ["eth0", "eth1"]         # towards clients, and towards servers
  vip "web" {
    address = "192.0.2.100"
    ports   = [80, 443]
    servers = ["10.0.0.11", "10.0.0.12 weight=2", "10.0.0.13"]
  }

The servers' default route leads through the director, or mode = "fullnat" in
the vip spares them that. Long flags may have one hyphen or two.

The datapath is in the kernel and stays there when the program ends, for
whatever reason: connections go on, and the next start takes them over. Only
unload removes it.`

const rootExamples = `  ballast-director -config /etc/ballast/director.hcl
  ballast-director check /etc/ballast/director.hcl
  ballast-director check -o json /etc/ballast/director.hcl
  kill -HUP $(pidof ballast-director)    # read the file again; a bad one changes nothing
  ballast-director unload -config /etc/ballast/director.hcl`

const rootCodes = `

Exit codes: 0 all is well, 1 trouble or a configuration with mistakes, 2 the
command line is wrong.`

func newRoot() *cobra.Command {
	var f runFlags
	root := &cobra.Command{
		Use:           "ballast-director",
		Short:         "Send connections to VIPs to live servers",
		Long:          rootHelp + rootCodes,
		Example:       rootExamples,
		Version:       version,
		Args:          unknownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.config == "" {
				return c.Help()
			}
			return f.run(c.Context(), c.ErrOrStderr())
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	f.add(root.Flags())
	root.AddCommand(checkCommand(), unloadCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "ballast-director", version)
			return err
		},
	}
}

// exactly wants n arguments, which are what.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return usagef("%s: %s is missing", c.Name(), what)
		case len(args) > n:
			return usagef("%s: what is %q?", c.Name(), args[n])
		}
		return nil
	}
}

// unknownCommand refuses what is no command, and offers what looks like it.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		return usagef("unknown command %q: is it %s?", args[0], strings.Join(like, " or "))
	}
	return usagef("unknown command %q", args[0])
}
