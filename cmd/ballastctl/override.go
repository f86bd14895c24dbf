package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

const serverHelp = `
SERVER is an ID, host:port, address, host or node as 'ballastctl status' shows
them, or a shell pattern over those, such as 'web-*' or '192.0.2.*'.`

// order is what the flags of drain and override say.
type order struct {
	name, reason string
	duration     time.Duration
	factor       float64
}

func (o *order) addFlags(a *app, c *cobra.Command) {
	a.addNameFlag(c, &o.name)
	c.Flags().DurationVar(&o.duration, "for", 0, "end by itself after this time, such as 10m (default: never)")
	c.Flags().StringVar(&o.reason, "reason", "", "why, for those who look later")
	c.RegisterFlagCompletionFunc("for", cobra.FixedCompletions([]string{"10m", "1h", "24h"}, cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions)
}

func (a *app) addNameFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "name", "", "only for this LB name or service; a pattern will do (default: all)")
	c.RegisterFlagCompletionFunc("name", a.completeNames)
}

func (a *app) drainCommand() *cobra.Command {
	var o order
	c := &cobra.Command{
		Use:   "drain SERVER",
		Short: "Take a server out: it keeps its clients and gets no new ones",
		Long: `Take a server out of all answers, whatever its health. Clients that know its
address may come until their caches expire, so wait for the TTL before you stop
it. Where nobody else is live it stays in, unless the LB record says otherwise
(empty=); drain says so.
` + serverHelp,
		Example: `  ballastctl drain web-3 --for 10m --reason "kernel update"
  ballastctl drain 192.0.2.13 --name www.example.org
  ballastctl drain 'rack3-*'`,
		Args:              one,
		ValidArgsFunction: a.completeServers,
		RunE: func(c *cobra.Command, args []string) error {
			return a.set(c, args[0], o, control.Override{Drain: true})
		},
	}
	o.addFlags(a, c)
	return c
}

func (a *app) undrainCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "undrain SERVER",
		Short: "Put a drained server back in",
		Long:  "End a drain. SERVER is written as it was for drain: see 'ballastctl override list'.",
		Example: `  ballastctl undrain web-3
  ballastctl undrain 'rack3-*'`,
		Args:              one,
		ValidArgsFunction: a.completeOverrides,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.checkDrained(c.Context(), args[0], name); err != nil {
				return err
			}
			return a.clear(c.Context(), args[0], name)
		},
	}
	a.addNameFlag(c, &name)
	return c
}

// checkDrained refuses to undrain what is not drained, so that a factor which
// was set is not lost to a slip.
func (a *app) checkDrained(ctx context.Context, server, name string) error {
	s, err := a.service().Status(ctx)
	if err != nil {
		return err
	}
	var drained []string
	var found, factor bool // among what ClearOverride would end
	for _, o := range s.Overrides {
		ends := o.Server == server && (name == "" || o.Name == name)
		found = found || ends && o.Drain
		factor = factor || ends && !o.Drain
		if o.Drain {
			drained = append(drained, o.Server)
		}
	}
	switch {
	case found && factor:
		return control.Errorf(control.ErrConflict, "%s has a factor under another --name too, which would be lost; use --name, or 'ballastctl override clear' to end all", server)
	case found:
		return nil
	}
	if len(drained) == 0 {
		return control.Errorf(control.ErrNotFound, "%s is not drained, nor is any server", server)
	}
	return control.Errorf(control.ErrNotFound, "no drain was ordered for %s; those there are: %s",
		server, strings.Join(slices.Compact(drained), ", "))
}

func (a *app) overrideCommand() *cobra.Command {
	var o order
	c := &cobra.Command{
		Use:   "override SERVER --factor N",
		Short: "Multiply a server's weight, or list and clear what was set",
		Long: `Multiply a server's weight by a factor: 0.5 halves what it gets, 2 doubles it.
An override replaces the one before, or the drain, of the same SERVER and --name.
` + serverHelp,
		Example: `  ballastctl override web-3 --factor 0.5 --for 1h
  ballastctl override 'web-*' --name www.example.org --factor 2
  ballastctl override list
  ballastctl override clear web-3`,
		Args:              one,
		ValidArgsFunction: a.completeServers,
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("factor") {
				return usagef("%s--factor is missing; to take a server out, see 'ballastctl drain'", commandPrefix(c))
			}
			return a.set(c, args[0], o, control.Override{Factor: o.factor})
		},
	}
	c.Flags().Float64Var(&o.factor, "factor", 1, fmt.Sprintf("multiplies the weight, 0 to %d", control.MaxFactor))
	c.RegisterFlagCompletionFunc("factor", cobra.NoFileCompletions)
	o.addFlags(a, c)
	c.AddCommand(a.overrideListCommand(), a.overrideClearCommand())
	return c
}

func (a *app) overrideListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show all overrides and drains",
		Example: "  ballastctl override list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.service().Status(c.Context())
			switch {
			case err != nil:
				return err
			case a.json():
				return a.printJSON(append([]control.Override{}, s.Overrides...))
			case len(s.Overrides) == 0:
				return a.print("Nothing is overridden.\n")
			}
			return a.print(a.overridesTable(s.Overrides))
		},
	}
}

func (a *app) overrideClearCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:               "clear SERVER",
		Short:             "End an override or drain",
		Long:              "End what was ordered for SERVER, written as it was then: see 'ballastctl override list'.",
		Example:           "  ballastctl override clear web-3\n  ballastctl override clear 'web-*' --name www.example.org",
		Args:              one,
		ValidArgsFunction: a.completeOverrides,
		RunE: func(c *cobra.Command, args []string) error {
			return a.clear(c.Context(), args[0], name)
		},
	}
	a.addNameFlag(c, &name)
	return c
}

// set sends an order and says what it did.
func (a *app) set(c *cobra.Command, server string, w order, o control.Override) error {
	o.Server, o.Name, o.By = server, w.name, a.user
	if w.reason != "" {
		o.By += ": " + w.reason
	}
	if c.Flags().Changed("for") {
		if w.duration <= 0 {
			return usagef("--for %v is no time to come", w.duration)
		}
		o.Until = a.now().Add(w.duration).Round(0)
	}
	if err := o.Validate(a.now()); err != nil {
		return usageError{err}
	}
	done, err := a.service().SetOverride(c.Context(), o)
	if err != nil {
		return err
	}
	return a.showSet(done)
}

func (a *app) showSet(o control.Override) error {
	var err error
	if a.json() {
		err = a.printJSON(o)
	} else {
		err = a.print(fmt.Sprintf("%s: %s%s, %s; matches %s\n", o.Server, effect(o), prefixed(" for ", o.Name), a.remaining(o.Until),
			count(o.Matches, "server", "servers")))
	}
	if err == nil && o.Matches == 0 {
		fmt.Fprintf(a.stderr, "ballastctl: no server matches %s now; the order stands for those to come, 'ballastctl override clear' takes it back\n", o.Server)
		return errShown
	}
	if err == nil && o.Served > 0 {
		fmt.Fprintf(a.stderr, "ballastctl: %s in answers all the same, as nobody else is live: 'ballastctl status' shows where\n", count(o.Served, "server stays", "servers stay"))
		return errShown
	}
	return err
}

func (a *app) clear(ctx context.Context, server, name string) error {
	n, err := a.service().ClearOverride(ctx, server, name)
	switch {
	case err != nil:
		return err
	case a.json():
		return a.printJSON(map[string]int{"cleared": n})
	}
	return a.print(fmt.Sprintf("%s: %s\n", server, count(n, "override cleared", "overrides cleared")))
}

// effect is what an override does.
func effect(o control.Override) string {
	if o.Drain {
		return "drained"
	}
	return "weight x " + number(o.Factor)
}

func (a *app) overridesTable(overrides []control.Override) string {
	t := newTable("", "OVERRIDE", "NAME", "EFFECT", "MATCHES", "SET", "ENDS", "BY")
	for _, o := range overrides {
		ends := "-"
		if !o.Until.IsZero() {
			ends = "in " + shortAge(o.Until.Sub(a.now()))
		}
		t.row(o.Server, orDash(o.Name), effect(o), strconv.Itoa(o.Matches), a.ago(o.Set), ends, orDash(o.By))
	}
	return t.String()
}
