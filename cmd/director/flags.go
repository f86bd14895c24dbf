package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// longFlags lets flags of more than one letter be given with one hyphen, as
// Go's own programs take them: -config FILE as well as --config FILE. What is
// no flag of that name stays as it is, and so does all behind "--".
func longFlags(root *cobra.Command, args []string) []string {
	known := map[string]bool{"help": true, "version": true}
	addNames(known, root)
	out := append([]string{}, args...) // nil would mean os.Args to cobra
	for i, arg := range out {
		if arg == "--" {
			break
		}
		name, single := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(name, "=")
		if single && known[name] {
			out[i] = "-" + arg
		}
	}
	return out
}

func addNames(known map[string]bool, c *cobra.Command) {
	add := func(f *pflag.Flag) { known[f.Name] = len(f.Name) > 1 }
	c.Flags().VisitAll(add)
	c.PersistentFlags().VisitAll(add)
	for _, sub := range c.Commands() {
		addNames(known, sub)
	}
}
