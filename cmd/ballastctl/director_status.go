package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

// look says what of a director's status to show.
type look struct {
	watch
	stats, rate, reasons bool
}

func (l *look) addFlags(c *cobra.Command) {
	c.Flags().BoolVar(&l.stats, "stats", false, "show totals of connections, packets, bytes and failures")
	c.Flags().BoolVar(&l.rate, "rate", false, "show connections, packets and bytes per second")
	c.Flags().BoolVar(&l.reasons, "reasons", false, "count packets by how they left the datapath")
	l.addInterval(c)
}

const columnsHelp = `
The columns: WEIGHT is what selection uses now, LOAD what the server's agent
reports; ACTIVE connections are opening or established, INACT closing; CONN/S,
IN/S and OUT/S are new connections and bytes per second, IN towards the server;
FAIL counts connections that failed to open there, and went to another server
if there was one.`

func (a *app) directorStatusCommand() *cobra.Command {
	var l look
	c := &cobra.Command{
		Use:   "status [VIP...]",
		Short: "Show VIPs and their servers",
		Long: `Show the director: its configuration, its table of connections, and each VIP
with its servers. With VIPs (names, addresses or shell patterns) show only
those.
` + columnsHelp + `

Exits with 1 if somebody should look: a reload that failed, an interface without
the datapath, a source in trouble, or a VIP without enough live servers.`,
		Example: `  ballastctl director status
  ballastctl director status web --stats
  ballastctl director status --rate --watch
  ballastctl director status web --reasons
  ballastctl director status -o json | jq '.vips[].servers[] | {id, state, active}'`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeDirector(vipNames),
		RunE: func(c *cobra.Command, vips []string) error {
			return a.directorStatus(c.Context(), vips, l)
		},
	}
	l.addFlags(c)
	c.Flags().BoolVarP(&l.on, "watch", "w", false, "show it again and again: redraw on a terminal, else a line for each VIP")
	return c
}

func (a *app) directorTopCommand() *cobra.Command {
	l := look{watch: watch{on: true}}
	c := &cobra.Command{
		Use:               "top [VIP...]",
		Short:             "Watch VIPs and their servers: status --watch",
		Long:              "Show VIPs and their servers again and again: redraw on a terminal, else write a\nline for each VIP.\n" + columnsHelp,
		Example:           "  ballastctl director top\n  ballastctl director top web --rate --interval 5s\n  ballastctl director top | tee director.log",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeDirector(vipNames),
		RunE: func(c *cobra.Command, vips []string) error {
			return a.directorStatus(c.Context(), vips, l)
		},
	}
	l.addFlags(c)
	return c
}

// directorStatus shows the status once, or until ctx ends.
func (a *app) directorStatus(ctx context.Context, vips []string, l look) error {
	if l.stats && l.rate {
		return usagef("director: --stats and --rate are two views: choose one")
	}
	if err := l.check(); err != nil {
		return err
	}
	ask := func() (control.DirectorStatus, error) {
		s, err := a.director().Status(ctx)
		if err != nil {
			return s, err
		}
		return someVIPs(s, vips)
	}
	s, err := ask()
	if err != nil {
		return err
	}
	if l.on {
		return repeat(ctx, a, l.watch, s, ask, func(s control.DirectorStatus) error { return a.directorFrame(s, l) })
	}
	if a.json() {
		err = a.printJSON(s)
	} else {
		err = a.print(a.showDirector(s, l))
	}
	if err == nil && directorTroubled(s) {
		return errShown
	}
	return err
}

// directorFrame shows one look; see frame.
func (a *app) directorFrame(s control.DirectorStatus, l look) error {
	switch {
	case a.json():
		return json.NewEncoder(a.stdout).Encode(s)
	case a.terminal:
		return a.print(screen(a.showDirector(s, l), a.height()))
	}
	var b strings.Builder
	for _, v := range s.VIPs {
		b.WriteString(a.vipLine(v))
	}
	return a.print(b.String())
}

// vipLine is one VIP in one line, for logs.
func (a *app) vipLine(v control.VIPStatus) string {
	var b strings.Builder
	sum := sumOf(v)
	fmt.Fprintf(&b, "%s %s alive=%d/%d active=%d inactive=%d conns/s=%s in/s=%s out/s=%s", a.now().UTC().Format(time.RFC3339),
		v.Name, v.Quorum.Alive, regular(v), sum.Active, sum.Inactive, number(v.Rates.Conns), number(v.Rates.InBytes), number(v.Rates.OutBytes))
	for _, r := range v.Servers {
		fmt.Fprintf(&b, " %s=%s:%d", r.ID, r.State, r.Active)
	}
	return b.String() + "\n"
}

// someVIPs limits the status to VIPs that the patterns choose, unless there
// are none.
func someVIPs(s control.DirectorStatus, patterns []string) (control.DirectorStatus, error) {
	if len(patterns) == 0 {
		return s, nil
	}
	var chosen []control.VIPStatus
	found := make([]bool, len(patterns))
	for _, v := range s.VIPs {
		matched := false
		for i, pattern := range patterns {
			if matchVIP(pattern, v.Name, v.Address) {
				found[i], matched = true, true
			}
		}
		if matched {
			chosen = append(chosen, v)
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return s, control.Errorf(control.ErrNotFound, "no VIP matches %s; 'ballastctl director status' shows those there are", patterns[i])
	}
	s.VIPs = chosen
	s.Sources = slices.DeleteFunc(slices.Clone(s.Sources), func(src control.SourceStatus) bool {
		return !slices.ContainsFunc(chosen, func(v control.VIPStatus) bool { return isSourceOf(src.Source, v) })
	})
	return s, nil
}

func matchVIP(pattern, name string, addr netip.Addr) bool {
	ok, err := path.Match(pattern, name)
	return pattern == name || pattern == addr.String() || err == nil && ok
}

// directorTroubled tells whether somebody should look.
func directorTroubled(s control.DirectorStatus) bool {
	return s.ConfigError != "" ||
		slices.ContainsFunc(s.Interfaces, func(i control.InterfaceStatus) bool { return !i.Attached || i.Error != "" }) ||
		slices.ContainsFunc(s.Sources, func(s control.SourceStatus) bool { return s.Err != "" }) ||
		slices.ContainsFunc(s.VIPs, func(v control.VIPStatus) bool { return v.Error != "" || !v.Quorum.Met })
}

func (a *app) showDirector(s control.DirectorStatus, l look) string {
	var b strings.Builder
	b.WriteString(a.directorHead(s))
	if len(s.VIPs) == 0 {
		b.WriteString("\nNo VIP is served.\n")
	}
	for _, v := range s.VIPs {
		b.WriteString("\n" + a.showVIP(v, l))
	}
	if l.reasons && len(s.Reasons) > 0 {
		b.WriteString("\n")
		note(&b, "", "Packets of no VIP: "+reasonList(s.Reasons))
	}
	if len(s.Sources) > 0 {
		b.WriteString("\n" + a.sourcesTable(s.Sources))
	}
	if len(s.Drains) > 0 {
		b.WriteString("\n" + a.drainsTable(s.Drains))
	}
	return b.String()
}

// directorHead is what concerns the whole director.
func (a *app) directorHead(s control.DirectorStatus) string {
	var b strings.Builder
	note(&b, "", fmt.Sprintf("%s %s, pid %d, up %s; %s loaded %s", s.Program, s.Version, s.PID, shortAge(a.now().Sub(s.Started)),
		s.Config, a.ago(s.ConfigLoaded)))
	if s.ConfigError != "" {
		fmt.Fprintf(&b, "! reload failed %s; the last good configuration is in use\n", a.ago(s.ConfigFailed))
		for line := range strings.Lines(s.ConfigError) {
			note(&b, "  ", line)
		}
	}
	share := 0.0
	if s.Table.Capacity > 0 {
		share = float64(s.Table.Connections) / float64(s.Table.Capacity)
	}
	note(&b, "", fmt.Sprintf("%d of %d connections (%s), %d half-open; %s displaced, %s expired", s.Table.Connections, s.Table.Capacity,
		percent(share), s.Table.HalfOpen, tally(s.Table.Displaced), tally(s.Table.Expired)))
	b.WriteString(interfaceLines(s.Interfaces))
	return b.String()
}

func interfaceLines(all []control.InterfaceStatus) string {
	var b strings.Builder
	var attached []string
	for _, i := range all {
		switch {
		case i.Error != "":
			note(&b, "", fmt.Sprintf("! interface %s: %s", i.Name, i.Error))
		case !i.Attached:
			note(&b, "", fmt.Sprintf("! interface %s: the datapath is not attached", i.Name))
		default:
			attached = append(attached, i.Name)
		}
	}
	if len(attached) > 0 {
		note(&b, "", "attached at "+strings.Join(attached, ", "))
	}
	return b.String()
}

// reasonList is reasons by their number.
func reasonList(reasons map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		if reasons[a] != reasons[b] {
			return cmpDown(reasons[a], reasons[b])
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", name, tally(reasons[name]))
	}
	return strings.Join(names, ", ")
}

func cmpDown(a, b uint64) int {
	if a > b {
		return -1
	}
	return 1
}

// isSourceOf tells whether a VIP's servers come from a source: a list is called
// by the VIP's name there, and its fallback servers are a list of their own.
func isSourceOf(source string, v control.VIPStatus) bool {
	return source == v.Source || source == "list "+v.Name || source == "list "+v.Name+" fallback"
}
