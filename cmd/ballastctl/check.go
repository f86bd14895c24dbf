package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"
)

// checkFlags are the flags of check.
type checkFlags struct {
	origin string
	strict bool
}

func (a *app) checkCommand() *cobra.Command {
	var flags checkFlags
	c := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Report every mistake in a Corefile and its zones, with file and line",
		Long: `Read a Corefile (default ./Corefile) and the zone files that it names, as the
name server would, and report every mistake with its file and line and what to
do about it. Nothing is contacted and nothing is changed, so it can run before
a commit or a reload.

Of a Corefile it reads where server blocks listen, which directives they have,
and all that belongs to ballast and cookie. Directives must be those of
bin/coredns; a CoreDNS of your own may have others. Not read are the properties
of other plugins (a condition of view, a key of tsig, an address of forward):
mistakes there show at the start, and so does an address that is in use.

A FILE that ends in .zone, and any FILE if --origin is given, is checked as a
zone file by itself. Without --origin its zone is what $ORIGIN or the SOA
record say, or else the file's name without .zone.

Exits with 1 if there are errors, with --strict also for warnings.`,
		Example: `  ballastctl check
  ballastctl check /etc/coredns/Corefile --strict
  ballastctl check zones/example.org.zone
  ballastctl check --origin example.org db.example`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, files []string) error { return a.check(files, flags) },
	}
	c.Flags().StringVar(&flags.origin, "origin", "", "the files are zone files of this zone")
	c.Flags().BoolVar(&flags.strict, "strict", false, "fail on warnings too")
	c.RegisterFlagCompletionFunc("origin", cobra.NoFileCompletions)
	return c
}

func (a *app) check(files []string, flags checkFlags) error {
	if len(files) == 0 {
		files = []string{"Corefile"}
	}
	var all []zones.Problem
	for _, file := range files {
		problems, err := a.checkFile(file, flags.origin)
		if err != nil {
			return fmt.Errorf("check %s: %w", file, err)
		}
		all = append(all, problems...)
	}
	if err := a.printProblems(all); err != nil {
		return err
	}
	if zones.Failed(all) || flags.strict && len(all) > 0 {
		return errShown
	}
	return nil
}

func (a *app) checkFile(file, origin string) ([]zones.Problem, error) {
	if origin != "" || strings.HasSuffix(file, ".zone") {
		return a.checkZone(file, origin)
	}
	return a.checkCorefile(file)
}

// problemJSON is a zones.Problem for other programs.
type problemJSON struct {
	File     string         `json:"file"`
	Line     int            `json:"line,omitempty"`
	Column   int            `json:"column,omitempty"`
	Severity zones.Severity `json:"severity"`
	Record   string         `json:"record,omitempty"`
	Message  string         `json:"message"`
	Remedy   string         `json:"remedy,omitempty"`
}

func (a *app) printProblems(problems []zones.Problem) error {
	if a.json() {
		list := make([]problemJSON, len(problems))
		for i, p := range problems {
			list[i] = problemJSON(p)
		}
		return a.printJSON(list)
	}
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s: %s: %s\n", position(p), a.severity(p.Severity), p.Message)
		if p.Remedy != "" {
			fmt.Fprintf(&b, "    %s\n", p.Remedy)
		}
	}
	b.WriteString(summary(problems))
	return a.print(b.String())
}

func position(p zones.Problem) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

func (a *app) severity(s zones.Severity) string {
	if s == zones.Warning {
		return a.paint(33, s.String())
	}
	return a.paint(31, s.String())
}

func summary(problems []zones.Problem) string {
	var errors int
	for _, p := range problems {
		if p.Severity == zones.Error {
			errors++
		}
	}
	return fmt.Sprintf("%s, %s\n", count(errors, "error", "errors"), count(len(problems)-errors, "warning", "warnings"))
}

// checkZone checks one zone file by itself.
func checkZone(file, origin string) ([]zones.Problem, error) {
	if origin == "" {
		var err error
		if origin, err = zoneOrigin(file); err != nil {
			return nil, err
		}
	}
	_, problems := zones.Load(file, origin, zones.Settings{Policies: policy.Names()})
	return problems, nil
}

// nameOrigin is the zone that a file's name tells of.
func nameOrigin(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".zone")
}
