package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ballast-lb/ballast/internal/control"
)

func TestOutput(t *testing.T) {
	for _, tc := range []struct {
		golden string
		server *server
		args   string
		code   int
	}{
		{"status", example(), "status", 0},
		{"status-name", example(), "status WWW.example.org", 0},
		{"status-pattern", example(), "status *.example.net", 0},
		{"status-trouble", troubles(), "status", 1},
		{"status-empty", &server{status: control.Status{Program: "coredns", Version: "1", PID: 1, Started: noon}}, "status", 0},
		{"status-json", example(), "status www.example.org -o json", 0},
		{"explain", example(), "explain www.example.org --from 203.0.113.0/24", 0},
		{"explain-trouble", troubles(), "explain www.example.org", 0},
		{"explain-key", exampleKey(), "explain www.example.org --from 203.0.113.53", 0},
		{"explain-stranger", exampleStranger(), "explain www.example.org --from 203.0.113.53", 0},
		{"explain-json", example(), "explain www.example.org -o json", 0},
		{"drain", example(), "drain web-3 --for 10m --reason update", 0},
		{"drain-json", example(), "drain web-3 --for 10m --reason update --name www.example.org -o json", 0},
		{"undrain", example(), "undrain web-4", 0},
		{"override", example(), "override web-3 --factor 0.5 --name www.example.org", 0},
		{"override-list", example(), "override list", 0},
		{"override-list-json", example(), "override list -o json", 0},
		{"override-list-empty", &server{}, "override list", 0},
		{"override-list-empty-json", &server{}, "override list -o json", 0},
		{"override-clear", example(), "override clear web-4", 0},
		{"override-clear-json", example(), "override clear web-4 -o json", 0},
		{"help", example(), "--help", 0},
		{"help-check", example(), "check --help", 0},
		{"help-explain", example(), "explain --help", 0},
		{"help-explain", example(), "help explain", 0},
		{"version", example(), "--version", 0},
		{"version", example(), "version", 0},
		{"version-json", example(), "version -o json", 0},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			got := do(t, tc.server, strings.Fields(tc.args))
			if got.code != tc.code || got.stderr != "" {
				t.Errorf("exit code %d, stderr %q; want %d", got.code, got.stderr, tc.code)
			}
			golden(t, tc.golden, got.stdout)
			if strings.Contains(tc.args, "json") {
				return
			}
			for line := range strings.Lines(got.stdout) {
				line = strings.TrimSuffix(line, "\n")
				if utf8.RuneCountInString(line) > lineWidth || strings.HasSuffix(line, " ") {
					t.Errorf("line is longer than %d or ends in a space: %q", lineWidth, line)
				}
			}
		})
	}
}

// Escape sequences of the shown colours, and nothing else, set a coloured
// table apart from a plain one.
// Of a policy that gives each resolver a TTL of its own, the plan's is none that
// anybody need get.
func TestExplainWithoutKey(t *testing.T) {
	s := exampleKey()
	s.explanation.Key = ""
	for policy, want := range map[string]bool{"headroom": true, "weighted": false} {
		s.explanation.Policy = policy
		got := do(t, s, []string{"explain", "www.example.org"})
		if strings.Contains(got.stdout, " at most: each resolver gets its own") != want {
			t.Errorf("policy %s:\n%s", policy, got.stdout)
		}
	}
}

func TestColour(t *testing.T) {
	escape := regexp.MustCompile(`\x1b\[\d+m`)
	for _, args := range []string{"status", "explain www.example.org"} {
		plain := do(t, example(), strings.Fields(args))
		coloured := do(t, example(), strings.Fields(args), func(e *env) { e.colour = true })
		if strings.Contains(plain.stdout, "\x1b") {
			t.Errorf("%s: colours where nobody can see them", args)
		}
		for _, want := range []string{"\x1b[32mpassing", "\x1b[33mwarning", "\x1b[31mcritical", "\x1b[35mdrained"} {
			if !strings.Contains(coloured.stdout, want) {
				t.Errorf("%s: no %q", args, want)
			}
		}
		if got := escape.ReplaceAllString(coloured.stdout, ""); got != plain.stdout {
			t.Errorf("%s: colours move columns:\n%s", args, got)
		}
	}
}

// What is sent as JSON is what the control socket sends: programs need one
// shape only.
func TestJSONShape(t *testing.T) {
	for args, v := range map[string]any{
		"status":                  &control.Status{},
		"explain www.example.org": &control.Explanation{},
		"drain web-3":             &control.Override{},
		"override list":           &[]control.Override{},
	} {
		t.Run(args, func(t *testing.T) {
			got := do(t, example(), append(strings.Fields(args), "--output", "json"))
			d := json.NewDecoder(strings.NewReader(got.stdout))
			d.DisallowUnknownFields()
			if err := d.Decode(v); err != nil || d.More() {
				t.Errorf("%v in %s", err, got.stdout)
			}
		})
	}
	t.Run("TTLs are seconds and loads may be unknown", func(t *testing.T) {
		got := do(t, example(), []string{"status", "-o", "json"})
		var status struct {
			Zones []struct {
				Names []struct {
					TTL     int
					Members []map[string]any
				}
			}
		}
		if err := json.Unmarshal([]byte(got.stdout), &status); err != nil {
			t.Fatal(err)
		}
		name := status.Zones[0].Names[0]
		if name.TTL != 42 || name.Members[0]["load"] != 0.42 || name.Members[1]["load_age"] != 1.5 {
			t.Errorf("got %+v", name)
		}
		if _, ok := name.Members[2]["load"]; ok {
			t.Error("a load that nobody reported")
		}
	})
}

func TestFormats(t *testing.T) {
	t.Run("age", func(t *testing.T) {
		for d, want := range map[time.Duration]string{
			-time.Second: "0s", 400 * time.Millisecond: "0s", 4 * time.Second: "4s", 99 * time.Second: "99s", 100 * time.Second: "1m",
			10*time.Minute - time.Millisecond: "10m", 99 * time.Minute: "99m", 100 * time.Minute: "1h", 47 * time.Hour: "47h", 72 * time.Hour: "3d",
		} {
			if got := shortAge(d); got != want {
				t.Errorf("%v is %s, want %s", d, got, want)
			}
		}
	})
	t.Run("share", func(t *testing.T) {
		for v, want := range map[float64]string{0: "0%", 0.004: "0.4%", 0.05: "5%", 0.0666: "6.7%", 0.3333: "33%", 1: "100%"} {
			if got := percent(v); got != want {
				t.Errorf("%v is %s, want %s", v, got, want)
			}
		}
	})
	t.Run("number", func(t *testing.T) {
		for v, want := range map[float64]string{0: "0", 1: "1", 1.0 / 3: "0.333", 12.345: "12.3", 1000: "1000", 123456.7: "123457", 0.00012345: "0.000123"} {
			if got := number(v); got != want {
				t.Errorf("%v is %s, want %s", v, got, want)
			}
		}
	})
	t.Run("TTL", func(t *testing.T) {
		for d, want := range map[time.Duration]string{0: "0s", 1500 * time.Millisecond: "1.5s", 42999 * time.Millisecond: "42s"} {
			if got := seconds(control.Seconds(d)); got != want {
				t.Errorf("%v is %s, want %s", d, got, want)
			}
		}
	})
}
