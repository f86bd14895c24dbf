package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/zones"
)

// level is what a checker thinks of a zone.
type level int

const (
	fine level = iota
	doubtful
	invalid
)

func (l level) String() string { return [...]string{"fine", "doubtful", "invalid"}[l] }

// zoneHead begins the zones of zoneCases.
const zoneHead = `$TTL 3600
@ SOA ns1 hostmaster 2026112201 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.53
`

// TestZoneChecks: what named-checkzone or kzonecheck reject or warn of, we do
// too, and what both take we do not reject, or the table says why.
func TestZoneChecks(t *testing.T) {
	namedCheckzone, kzonecheck := programs.Need(t, "named-checkzone"), programs.Need(t, "kzonecheck")
	for _, c := range zoneCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := c.text
			if !c.whole {
				text = zoneHead + text + "\n"
			}
			file := filepath.Join(t.TempDir(), "example.org.zone")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ours, said := checkOurs(file)
			named, namedSaid := checkBy(t, namedCheckzone, "-i", "local", "example.org", file)
			knot, knotSaid := checkBy(t, kzonecheck, "-o", "example.org", file)
			others := max(named, knot)
			laxer, stricter := ours == fine && others > fine, ours == invalid && others < invalid
			if (laxer || stricter) != (c.why != "") {
				t.Errorf("ours: %v, named-checkzone: %v, kzonecheck: %v; why: %q\n%s%s%s", ours, named, knot, c.why, said, namedSaid, knotSaid)
			}
		})
	}
}

func checkOurs(file string) (level, string) {
	_, problems := zones.Load(file, "example.org", zones.Settings{})
	l, said := fine, ""
	for _, p := range problems {
		said += p.Error() + "\n"
		l = max(l, doubtful)
	}
	if zones.Failed(problems) {
		l = invalid
	}
	return l, said
}

// checkBy runs a checker, which says nothing of its own where all is well.
func checkBy(t *testing.T, program string, args ...string) (level, string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	said := ""
	for line := range strings.Lines(string(out)) {
		if strings.TrimSpace(line) != "OK" && !strings.Contains(line, "loaded serial") && strings.TrimSpace(line) != "" {
			said += program + ": " + line
		}
	}
	switch {
	case err != nil:
		return invalid, said
	case said != "":
		return doubtful, said
	}
	return fine, said
}
