package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

// app is what the commands share: the outside and the global flags.
type app struct {
	*env
	output string // "table" or "json"
}

const rootHelp = `Ask a running Ballast name server what it serves and why, take servers out and
in, and check configuration before it is used. Nouns read, verbs change. The
commands below 'director' do the same for a director and its connections.

Exit codes: 0 all is well, 1 a problem was found or the request was refused,
2 the command line is wrong, 3 nobody serves the control socket.`

const rootExamples = `  ballastctl check Corefile
  ballastctl status
  ballastctl explain www.example.org --from 203.0.113.0/24
  ballastctl drain web-3 --for 10m --reason "kernel update"
  ballastctl undrain web-3
  ballastctl director status`

func newRoot(e *env) *cobra.Command {
	a := &app{env: e}
	root := &cobra.Command{
		Use:           "ballastctl",
		Short:         "See and steer a Ballast name server or director",
		Long:          rootHelp,
		Example:       rootExamples,
		Version:       e.version,
		Args:          unknownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagError(err)} })
	flags := root.PersistentFlags()
	flags.StringVar(&e.socket, "socket", e.socket, "control socket; also $BALLAST_CONTROL")
	flags.StringVarP(&a.output, "output", "o", "table", "table or json")
	root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(a.statusCommand(), a.topCommand(), a.explainCommand(), a.checkCommand(),
		a.drainCommand(), a.undrainCommand(), a.overrideCommand(), a.directorCommand(), a.versionCommand())
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = helpTopic
	prepare(a, root)
	return root
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of ballastctl, as --version does",
		Example: "  ballastctl version",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.json() {
				return a.printJSON(map[string]string{"version": a.version})
			}
			return a.print(fmt.Sprintf("%s version %s\n", c.Root().Name(), a.version))
		},
	}
}

// prepare makes every command below c tell mistakes in the command line apart
// from what goes wrong later.
func prepare(a *app, c *cobra.Command) {
	if args := c.Args; args != nil {
		c.Args = func(c *cobra.Command, given []string) error {
			if err := args(c, given); err != nil {
				return usagef("%s%w", commandPrefix(c), err)
			}
			if a.output != "table" && a.output != "json" {
				return usagef("--output %s is neither table nor json", a.output)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		prepare(a, sub)
	}
}

// one is for commands with one argument, which their usage names.
func one(c *cobra.Command, args []string) error {
	what := strings.Fields(c.Use)[1]
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s is missing", what)
	case len(args) > 1:
		return fmt.Errorf("%s is too much: there is one %s", args[1], what)
	}
	return nil
}

// commandPrefix names a subcommand before an error.
func commandPrefix(c *cobra.Command) string {
	if !c.HasParent() {
		return ""
	}
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ") + ": "
}

// unknownCommand refuses what is no command, and offers what looks like it.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		return fmt.Errorf("unknown command %q: is it %s?", args[0], strings.Join(like, " or "))
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func (a *app) service() control.Service { return a.dial(a.socket) }

func (a *app) json() bool { return a.output == "json" }

// printJSON writes v, indented, to stdout.
func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// print writes text to stdout at once.
func (a *app) print(text string) error {
	_, err := fmt.Fprint(a.stdout, text)
	return err
}

// sameName compares domain names as DNS does, and without the final dot.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
