package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

func (a *app) directorDrainCommand() *cobra.Command {
	var o control.DrainOrder
	var duration, deadline time.Duration
	var reason string
	c := &cobra.Command{
		Use:   "drain SERVER",
		Short: "Take a server out: it keeps its connections and gets no new ones",
		Long: `Send no new connections to a server, not even of persistent clients. Those that
it has go on; 'ballastctl director top' counts them. What is left at the
deadline is reset, so that clients reconnect to other servers; without
--deadline the VIP's drain_deadline counts.

SERVER is an ID, address or address:port as 'ballastctl director status' shows
them, or a shell pattern over those, such as 'web-*' or '10.201.0.*'.`,
		Example: `  ballastctl director drain 10.201.0.12
  ballastctl director drain web-3 --vip web --for 1h --reason "kernel update"
  ballastctl director drain 'rack3-*' --deadline 10m`,
		Args:              one,
		ValidArgsFunction: once(a.completeDirector(realIDs)),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.Server, o.By = args[0], a.user+prefixed(": ", reason)
			if o.Until, err = a.timeFlag(c, "for", duration); err != nil {
				return err
			}
			if o.Deadline, err = a.timeFlag(c, "deadline", deadline); err != nil {
				return err
			}
			return a.directorDrain(c, o)
		},
	}
	a.addVIPFlag(c, &o.VIP, "only in this VIP: a name, address or pattern (default: all)")
	c.Flags().DurationVar(&duration, "for", 0, "end by itself after this time, such as 10m (default: never)")
	c.Flags().DurationVar(&deadline, "deadline", 0, "reset what is still connected after this time (default: the VIP's)")
	c.Flags().StringVar(&reason, "reason", "", "why, for those who look later")
	times := cobra.FixedCompletions([]string{"10m", "1h", "24h"}, cobra.ShellCompDirectiveNoFileComp)
	c.RegisterFlagCompletionFunc("for", times)
	c.RegisterFlagCompletionFunc("deadline", times)
	c.RegisterFlagCompletionFunc("reason", cobra.NoFileCompletions)
	return c
}

// timeFlag is when the time of a flag is over; zero if it was not given.
func (a *app) timeFlag(c *cobra.Command, flag string, d time.Duration) (time.Time, error) {
	switch {
	case !c.Flags().Changed(flag):
		return time.Time{}, nil
	case d <= 0:
		return time.Time{}, usagef("%s--%s %v is no time to come", commandPrefix(c), flag, d)
	}
	return a.now().Add(d).Round(0), nil
}

// directorDrain sends an order and says what it did.
func (a *app) directorDrain(c *cobra.Command, o control.DrainOrder) error {
	if err := o.Validate(a.now()); err != nil {
		return usageError{fmt.Errorf("%s%w", commandPrefix(c), err)}
	}
	done, err := a.director().Drain(c.Context(), o)
	if err != nil {
		return err
	}
	if a.json() {
		err = a.printJSON(done)
	} else {
		err = a.print(a.drainText(done))
	}
	if err == nil && done.Matches == 0 {
		fmt.Fprintf(a.stderr, "ballastctl: no server matches %s now; the order stands for those to come, 'ballastctl director undrain' takes it back\n", done.Server)
		return errShown
	}
	return err
}

func (a *app) drainText(o control.DrainOrder) string {
	reset := ""
	if !o.Deadline.IsZero() {
		reset = ", reset in " + shortAge(o.Deadline.Sub(a.now()))
	}
	return fmt.Sprintf("%s: drained%s, %s; matches %s with %s%s\n", o.Server, prefixed(" in ", o.VIP), a.remaining(o.Until),
		count(o.Matches, "server", "servers"), count(int(o.Connections), "connection", "connections"), reset)
}

func (a *app) directorUndrainCommand() *cobra.Command {
	var vip string
	c := &cobra.Command{
		Use:   "undrain SERVER",
		Short: "Put a drained server back in",
		Long: `End a drain. SERVER and --vip are written as they were for drain: see the end of
'ballastctl director status'. Without --vip the drains of SERVER in all VIPs end.`,
		Example: `  ballastctl director undrain 10.201.0.12
  ballastctl director undrain web-3 --vip web`,
		Args:              one,
		ValidArgsFunction: once(a.completeDirector(drainedServers)),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := a.director().Undrain(c.Context(), args[0], vip)
			switch {
			case err != nil:
				return err
			case a.json():
				return a.printJSON(map[string]int{"cleared": n})
			}
			return a.print(fmt.Sprintf("%s: %s\n", args[0], count(n, "drain ended", "drains ended")))
		},
	}
	a.addVIPFlag(c, &vip, "only the drain that was ordered for this VIP")
	return c
}

func (a *app) drainsTable(orders []control.DrainOrder) string {
	t := newTable("", "DRAIN", "VIP", "MATCHES", "LEFT", "SET", "ENDS", "RESET", "BY")
	in := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return "in " + shortAge(at.Sub(a.now()))
	}
	for _, o := range orders {
		t.row(o.Server, orDash(o.VIP), strconv.Itoa(o.Matches), tally(o.Connections), a.ago(o.Set), in(o.Until), in(o.Deadline), orDash(o.By))
	}
	return t.String()
}
