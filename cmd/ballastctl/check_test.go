package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ballast "github.com/ballast-lb/ballast/plugin"
	"github.com/ballast-lb/ballast/zones"
)

var (
	anError  = zones.Problem{File: "Corefile", Line: 3, Column: 5, Message: "unknown property \"tll\"", Remedy: "is it ttl?"}
	aWarning = zones.Problem{File: "example.org.zone", Line: 12, Severity: zones.Warning, Record: "www.example.org.", Message: "only one server"}
	wholeOne = zones.Problem{File: "example.net.zone", Message: "no SOA record"}
)

func TestCheckOutput(t *testing.T) {
	for _, tc := range []struct {
		golden   string
		problems []zones.Problem
		args     string
		code     int
	}{
		{"check-clean", nil, "check", 0},
		{"check-clean-json", nil, "check -o json", 0},
		{"check-errors", []zones.Problem{anError, aWarning, wholeOne}, "check", 1},
		{"check-errors-json", []zones.Problem{anError, aWarning, wholeOne}, "check -o json", 1},
		{"check-warning", []zones.Problem{aWarning}, "check", 0},
		{"check-warning", []zones.Problem{aWarning}, "check --strict", 1},
	} {
		t.Run(tc.golden+" "+tc.args, func(t *testing.T) {
			var read string
			got := do(t, nil, strings.Fields(tc.args), func(e *env) {
				e.checkCorefile = func(path string) ([]zones.Problem, error) {
					read = path
					return tc.problems, nil
				}
			})
			if got.code != tc.code || got.stderr != "" || read != "Corefile" {
				t.Errorf("exit code %d, stderr %q, read %q; want %d", got.code, got.stderr, read, tc.code)
			}
			golden(t, tc.golden, got.stdout)
		})
	}
}

func TestCheckColours(t *testing.T) {
	got := do(t, nil, []string{"check"}, func(e *env) {
		e.colour = true
		e.checkCorefile = func(string) ([]zones.Problem, error) { return []zones.Problem{anError, aWarning}, nil }
	})
	if !strings.Contains(got.stdout, "\x1b[31merror") || !strings.Contains(got.stdout, "\x1b[33mwarning") {
		t.Errorf("got %q", got.stdout)
	}
}

func TestCheckCannotRead(t *testing.T) {
	got := do(t, nil, []string{"check", "x"}, func(e *env) {
		e.checkCorefile = func(string) ([]zones.Problem, error) { return nil, errors.New("no such file") }
	})
	if got.code != exitProblem || got.stderr != "ballastctl: check x: no such file\n" {
		t.Errorf("got %+v", got)
	}
	if got := do(t, nil, []string{"check", "nonexistent.zone"}); got.code != exitProblem || !strings.Contains(got.stderr, "nonexistent.zone") {
		t.Errorf("got %+v", got)
	}
}

// write makes files in a fresh directory and returns their paths.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const soa = "SOA ns1.example.org. hostmaster.example.org. 1 7200 900 1209600 30\n@ 60 IN NS ns1.example.org.\n"

// Each mistake of a zone file is reported with its line.
func TestCheckZoneFile(t *testing.T) {
	text := "@ 60 IN " + soa +
		"ns1 60 IN A 192.0.2.1\n" +
		"www 60 IN A 192.0.2.300\n" +
		"api 60 IN LB consul web polcy=hash\n" +
		"app 60 IN LB consul web policy=bogus\n"
	t.Run("by the file's name", func(t *testing.T) {
		path := write(t, "example.org.zone", text)
		got := do(t, nil, []string{"check", path})
		if got.code != exitProblem {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
		for _, line := range []string{":4: error:", ":5: error:", ":6: error:", "3 errors, 0 warnings\n"} {
			if !strings.Contains(got.stdout, line) {
				t.Errorf("no %q in\n%s", line, got.stdout)
			}
		}
	})
	t.Run("by --origin", func(t *testing.T) {
		path := write(t, "db", "@ 60 IN "+soa+"ns1 60 IN A 192.0.2.1\n")
		if got := do(t, nil, []string{"check", "--origin", "example.org", path}); got.code != 0 || !strings.HasPrefix(got.stdout, "0 errors") {
			t.Errorf("got %+v", got)
		}
		path = write(t, "example.org.zone", "example.org. 60 IN "+soa+"ns1 60 IN A 192.0.2.1\n")
		if got := do(t, nil, []string{"check", path}); got.code != 0 {
			t.Errorf("got %+v", got)
		}
		if got := do(t, nil, []string{"check", "--origin", "example.com", path}); got.code != exitProblem || !strings.Contains(got.stdout, ": error: ") {
			t.Errorf("got %+v", got)
		}
	})
}

// The examples that come with the source have no mistakes, and one that is
// made in a Corefile is found on its line.
func TestCheckForReal(t *testing.T) {
	real := func(e *env) { e.checkCorefile = ballast.Check }
	files, err := filepath.Glob("../../zones/*.zone")
	if err != nil || len(files) == 0 {
		t.Fatalf("no example zones: %v", err)
	}
	if got := do(t, nil, append([]string{"check"}, files...), real); got.code != 0 {
		t.Errorf("got %+v", got)
	}
	path := write(t, "Corefile", "example.org:1053 {\n  errors\n  ballast nonexistent.zone\n  bogus\n}\n")
	got := do(t, nil, []string{"check", path}, real)
	if got.code != exitProblem || !strings.Contains(got.stdout, path+":4: error: ") || !strings.Contains(got.stdout, "nonexistent.zone") {
		t.Errorf("got %+v", got)
	}
}

func TestOriginIn(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"absolute owner", "; a comment\nexample.org. 60 IN " + soa, "example.org."},
		{"$ORIGIN and @", "$TTL 60\n$ORIGIN example.org.\n@ IN " + soa, "example.org."},
		{"relative $ORIGIN", "$ORIGIN org.\n$ORIGIN example\n@ " + soa, "example.org."},
		{"relative owner", "$ORIGIN org.\nexample 60 " + soa, "example.org."},
		{"owner left out", "$ORIGIN example.org.\n\t60 IN " + soa, "example.org."},
		{"$ORIGIN after the SOA", "example.org. IN " + soa + "$ORIGIN sub.example.org.\n", "example.org."},
		{"@ alone", "@ IN " + soa, ""},
		{"SOA within a text", "a IN TXT b SOA\n", ""},
		{"nothing", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := originIn(strings.NewReader(tc.text)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	t.Run("the file's name, if nothing else", func(t *testing.T) {
		path := write(t, "example.net.zone", "@ IN "+soa)
		if got, err := zoneOrigin(path); got != "example.net" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
