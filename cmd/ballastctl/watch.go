package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

// watch says whether and how often to show something again.
type watch struct {
	on       bool
	interval time.Duration
}

func (w *watch) addInterval(c *cobra.Command) {
	c.Flags().DurationVar(&w.interval, "interval", time.Second, "time between two looks")
}

func (w watch) check() error {
	if w.interval < 100*time.Millisecond {
		return usagef("--interval %v is shorter than 100ms", w.interval)
	}
	return nil
}

func (a *app) topCommand() *cobra.Command {
	w := watch{on: true}
	c := &cobra.Command{
		Use:               "top [NAME...]",
		Short:             "Watch names and servers: status --watch",
		Example:           "  ballastctl top\n  ballastctl top www.example.org --interval 5s",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			return a.status(c.Context(), names, w)
		},
	}
	w.addInterval(c)
	return c
}

// status shows the status once, or until ctx ends.
func (a *app) status(ctx context.Context, names []string, w watch) error {
	if err := w.check(); err != nil {
		return err
	}
	ask := func() (control.Status, error) {
		s, err := a.service().Status(ctx)
		if err != nil {
			return s, err
		}
		return statusOf(s, names)
	}
	s, err := ask()
	if err != nil {
		return err
	}
	if w.on {
		return repeat(ctx, a, w, s, ask, a.frame)
	}
	if err := a.printStatus(s); err != nil {
		return err
	}
	if troubled(s) {
		return errShown
	}
	return nil
}

func (a *app) printStatus(s control.Status) error {
	if a.json() {
		return a.printJSON(s)
	}
	return a.print(a.showStatus(s))
}

// repeat shows v and then what ask says, at each tick. Trouble does not end it:
// it is shown and may pass, as when the name server restarts.
func repeat[T any](ctx context.Context, a *app, w watch, v T, ask func() (T, error), show func(T) error) error {
	ticks, stop := a.tick(w.interval)
	defer stop()
	for {
		if err := show(v); err != nil {
			return err
		}
		for retry := true; retry; {
			select {
			case <-ctx.Done():
				return nil
			case <-ticks:
			}
			var err error
			if v, err = ask(); err == nil {
				break
			}
			if ctx.Err() == nil {
				a.frameError(err)
			}
		}
	}
}

// frame shows one look: a screen on a terminal, one line of JSON, or a line
// for each name.
func (a *app) frame(s control.Status) error {
	switch {
	case a.json():
		return json.NewEncoder(a.stdout).Encode(s)
	case a.terminal:
		return a.print(screen(a.showStatus(s), a.height()))
	}
	var b strings.Builder
	for _, z := range s.Zones {
		for _, n := range z.Names {
			b.WriteString(a.line(n))
		}
	}
	return a.print(b.String())
}

func (a *app) frameError(err error) {
	text := fmt.Sprintf("%s %v\n", a.now().UTC().Format(time.RFC3339), err)
	if a.terminal && !a.json() {
		a.print(screen(text, a.height()))
		return
	}
	fmt.Fprint(a.stderr, text)
}

// screen is as much of text as fits, drawn from the top left corner over what
// was there: clearing only what remains of each line, and of the screen, does
// not flicker.
func screen(text string, height int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if room := max(1, height-1); len(lines) > room {
		lines = append(lines[:room-1], fmt.Sprintf("... %d more lines", len(lines)-room+1))
	}
	return "\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\n\x1b[J"
}

// line is one name in one line, for logs.
func (a *app) line(n control.NameStatus) string {
	var in int
	var shares strings.Builder
	for _, m := range n.Members {
		if m.In {
			in++
			fmt.Fprintf(&shares, " %s=%s", m.ID, percent(m.Share))
		}
	}
	return fmt.Sprintf("%s %s mode=%q ttl=%s in=%d/%d%s\n",
		a.now().UTC().Format(time.RFC3339), n.Name, n.Mode, seconds(n.TTL), in, len(n.Members), shares.String())
}
