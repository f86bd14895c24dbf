package main

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

func (a *app) statusCommand() *cobra.Command {
	w := watch{}
	c := &cobra.Command{
		Use:   "status [NAME...]",
		Short: "Show zones, names, servers, sources and overrides",
		Long: `Show what is served now: each zone, each name with its servers, the sources
that pools come from, and what operators have overridden. With NAMEs (shell
patterns will do) show only those.

Exits with 1 if somebody should look: a zone whose last reload failed, a source
in trouble, a name without a live server, a peer that is away, or state that
cannot be written.`,
		Example: `  ballastctl status
  ballastctl status www.example.org
  ballastctl status --watch '*.example.org'
  ballastctl status -o json | jq '.zones[].names[] | {name, ttl}'`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, names []string) error {
			return a.status(c.Context(), names, w)
		},
	}
	c.Flags().BoolVarP(&w.on, "watch", "w", false, "show it again and again: redraw on a terminal, else a line for each name")
	w.addInterval(c)
	return c
}

// statusOf asks for the status, limited to names unless there are none.
func statusOf(status control.Status, names []string) (control.Status, error) {
	if len(names) == 0 {
		return status, nil
	}
	found := make([]bool, len(names))
	wanted := func(n control.NameStatus) bool {
		any := false
		for i, pattern := range names {
			if matchName(pattern, n.Name) {
				found[i], any = true, true
			}
		}
		return any
	}
	var zones []control.ZoneStatus
	var sources []string
	for _, z := range status.Zones {
		z.Names = slices.DeleteFunc(slices.Clone(z.Names), func(n control.NameStatus) bool { return !wanted(n) })
		if len(z.Names) > 0 {
			zones = append(zones, z)
		}
		for _, n := range z.Names {
			sources = append(sources, n.Source)
		}
	}
	status.Zones = zones
	status.Sources = slices.DeleteFunc(slices.Clone(status.Sources), func(s control.SourceStatus) bool {
		return !slices.Contains(sources, s.Source)
	})
	if i := slices.Index(found, false); i >= 0 {
		return status, control.Errorf(control.ErrNotFound, "no LB name matches %s; 'ballastctl status' shows those there are", names[i])
	}
	return status, nil
}

func matchName(pattern, name string) bool {
	lower := func(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }
	ok, err := path.Match(lower(pattern), lower(name))
	return sameName(pattern, name) || err == nil && ok
}

// troubled tells whether somebody should look.
func troubled(s control.Status) bool {
	return slices.ContainsFunc(s.Zones, func(z control.ZoneStatus) bool {
		return z.Err != "" || slices.ContainsFunc(z.Names, func(n control.NameStatus) bool { return !served(n) })
	}) || slices.ContainsFunc(s.Peers, func(p control.PeerStatus) bool { return p.Err != "" }) || s.State != nil && s.State.Err != "" || slices.ContainsFunc(s.Sources, func(s control.SourceStatus) bool { return s.Err != "" })
}

// served tells whether a live server answers for the name.
func served(n control.NameStatus) bool {
	return slices.ContainsFunc(n.Members, func(m control.MemberStatus) bool { return m.In && m.Health.Alive() })
}

func (a *app) showStatus(s control.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, pid %d, up %s\n", s.Program, s.Version, s.PID, shortAge(a.now().Sub(s.Started)))
	b.WriteString(a.stateLines(s.State))
	b.WriteString(a.peerLines(s.Peers))
	b.WriteString("\n" + a.zonesTable(s.Zones))
	for _, z := range s.Zones {
		for _, n := range z.Names {
			b.WriteString("\n" + a.showName(n))
		}
	}
	if len(s.Sources) > 0 {
		b.WriteString("\n" + a.sourcesTable(s.Sources))
	}
	if len(s.Overrides) > 0 {
		b.WriteString("\n" + a.overridesTable(s.Overrides))
	}
	return b.String()
}

func (a *app) zonesTable(zones []control.ZoneStatus) string {
	if len(zones) == 0 {
		return "No zone is served.\n"
	}
	t := newTable("", "ZONE", "SERIAL", "RECORDS", "LBS", "LOADED", "FILE")
	var notes strings.Builder
	for _, z := range zones {
		t.row(z.Origin, strconv.FormatUint(uint64(z.Serial), 10), strconv.Itoa(z.Records), strconv.Itoa(z.LBs), a.ago(z.Loaded), z.File)
		if z.Serial != z.InFile {
			fmt.Fprintf(&notes, "%s: pools moved the serial on from the file's %d\n", z.Origin, z.InFile)
		}
		if z.Err != "" {
			fmt.Fprintf(&notes, "! %s: reload failed %s; the last good zone is served\n", z.Origin, a.ago(z.Failed))
			for line := range strings.Lines(z.Err) {
				note(&notes, "  ", line)
			}
		}
	}
	return t.String() + notes.String()
}

func (a *app) showName(n control.NameStatus) string {
	var head strings.Builder
	fmt.Fprintf(&head, "%s  %s, %s, %s, TTL %s (%s to %s)\n", n.Name, n.Source, n.Policy, n.Mode, seconds(n.TTL), seconds(n.MinTTL), seconds(n.MaxTTL))
	note(&head, "  ", n.Reason)
	note(&head, "  ", prefixed("TTL: ", n.TTLWhy))
	if len(n.Members) == 0 {
		return head.String() + "  no servers\n"
	}
	t := newTable("  ", "SERVER", "ADDRESS", "TIER", a.healthHeader(), "LOAD", "WEIGHT", "SHARE", "ANSWERS", "STATE")
	for _, m := range n.Members {
		t.row(m.ID, address(m), strconv.Itoa(int(m.Tier)), a.health(m.Health), load(m), number(m.Weight), percent(m.Share),
			strconv.FormatUint(m.Answers, 10), state(m))
	}
	return head.String() + t.String() + notes(n.Members)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func state(m control.MemberStatus) string {
	if m.In {
		return "in"
	}
	return "out"
}

func (a *app) sourcesTable(sources []control.SourceStatus) string {
	t := newTable("", "SOURCE", "SERVERS", "CONFIRMED")
	var troubles strings.Builder
	for _, s := range sources {
		confirmed := "never"
		if !s.Confirmed.IsZero() {
			confirmed = shortAge(s.Age.Duration()) + " ago"
		}
		t.row(s.Source, strconv.Itoa(s.Servers), confirmed)
		note(&troubles, "", prefixed("! "+s.Source+": ", s.Err))
		note(&troubles, "", a.fromSnapshot(s.Source, s.Snapshot, s.Confirmed))
	}
	return t.String() + troubles.String()
}

// fromSnapshot says that a pool is known from before a restart only; empty if
// it is not.
func (a *app) fromSnapshot(what string, written, confirmed time.Time) string {
	if written.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s is from the snapshot of %s, confirmed %s, until the source answers.", what, a.ago(written), a.ago(confirmed))
}

// stateLines say what a restart would start with.
func (a *app) stateLines(s *control.StateStatus) string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "state in %s, as of %s\n", s.Dir, a.ago(s.Current))
	note(&b, "", prefixed("! it cannot be written: ", s.Err))
	return b.String()
}

// peerLines say with which name servers answers are exchanged.
func (a *app) peerLines(peers []control.PeerStatus) string {
	var b strings.Builder
	for _, p := range peers {
		if p.Err == "" {
			fmt.Fprintf(&b, "peer %s, heard of %s\n", p.Peer, a.ago(p.Heard))
			continue
		}
		fmt.Fprintf(&b, "peer %s\n", p.Peer)
		note(&b, "", "! "+p.Err)
	}
	return b.String()
}
