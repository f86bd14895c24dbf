package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server *server
		args   string
		code   int
		stderr string
	}{
		{"no such command", example(), "stauts", 2, `unknown command "stauts": is it status?`},
		{"no such command to help with", example(), "help stauts", 2, `unknown command "stauts": is it status?`},
		{"no such command of the director to help with", example(), "help director stauts", 2, `unknown command "stauts": is it status?`},
		{"no command of it to help with", example(), "help status www", 2, `unknown command "www"`},
		{"no number", example(), "override web-1 --factor x", 2, "--factor x is not a number such as 0.5: multiplies the weight, 0 to 10\n"},
		{"no time", example(), "drain web-1 --for 10", 2, "--for 10 is not a time such as 10m: end by itself"},
		{"no truth", example(), "status --watch=x", 2, "--watch x is not true or false"},
		{"no such flag", example(), "status --wacth", 2, "unknown flag: --wacth"},
		{"too few arguments", example(), "explain", 2, "explain: NAME is missing"},
		{"too many arguments", example(), "drain web-1 web-2", 2, "drain: web-2 is too much: there is one SERVER"},
		{"too many arguments", example(), "override list web-1", 2, "override list: unknown command"},
		{"no such output", example(), "status -o yaml", 2, "--output yaml is neither table nor json"},
		{"no prefix", example(), "explain www --from 300.1.1.1", 2, "--from 300.1.1.1 is neither a prefix such as 203.0.113.0/24"},
		{"no factor", example(), "override web-1", 2, "--factor is missing"},
		{"factor beyond reason", example(), "override web-1 --factor 11", 2, "within 0 and 10"},
		{"broken pattern", example(), "drain web-[", 2, "pattern"},
		{"no time", example(), "drain web-1 --for 0s", 2, "--for 0s"},
		{"too eager", example(), "status --watch --interval 1ms", 2, "shorter than 100ms"},
		{"no such name", example(), "status nope.example.org", 1, "no LB name matches nope.example.org"},
		{"one of the names is wrong", example(), "status www.example.org nope", 1, "no LB name matches nope"},
		{"not drained", example(), "undrain web-1", 1, "those there are: web-4"},
		{"a factor is no drain", example(), "undrain 192.0.2.*", 1, "no drain was ordered for 192.0.2.*"},
		{"a factor would be lost", &server{status: control.Status{Overrides: []control.Override{{Server: "a", Drain: true}, {Server: "a", Name: "www", Factor: 2}}}},
			"undrain a", 1, "has a factor under another --name too"},
		{"nobody is drained", &server{}, "undrain web-1", 1, "nor is any server"},
		{"served all the same", &server{matches: 1, served: 1}, "drain web-1", 1, "1 server stays in answers all the same"},
		{"matches nothing", &server{}, "drain web-9", 1, "no server matches web-9 now"},
		{"refused", &server{err: control.Errorf(control.ErrNotFound, "x is not an LB name")}, "explain x", 1, "ballastctl: x is not an LB name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := do(t, tc.server, strings.Fields(tc.args))
			if got.code != tc.code || !strings.Contains(got.stderr, tc.stderr) {
				t.Errorf("exit code %d, stderr %q; want %d and %q", got.code, got.stderr, tc.code, tc.stderr)
			}
			if tc.code == exitUsage && !strings.Contains(got.stderr, "--help") {
				t.Errorf("%q does not say where help is", got.stderr)
			}
			if tc.code == exitUsage && len(tc.server.set)+len(tc.server.cleared) > 0 {
				t.Error("it was done all the same")
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.sock")
	for _, args := range []string{"status", "top", "explain www", "drain a", "undrain a", "override a --factor 1", "override list", "override clear a"} {
		t.Run(args, func(t *testing.T) {
			got := do(t, nil, append(strings.Fields(args), "--socket", path), realDial)
			if got.code != exitUnreachable || got.stdout != "" {
				t.Errorf("exit code %d, stdout %q", got.code, got.stdout)
			}
			for _, want := range []string{path, "is coredns running with the ballast plugin?", "--socket"} {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q does not say %q", got.stderr, want)
				}
			}
		})
	}
}

func realDial(e *env) {
	e.dial = func(path string) control.Service { return control.Dial(path) }
}

func TestExplainAsks(t *testing.T) {
	for _, tc := range []struct{ args, from, qtype string }{
		{"--from 203.0.113.7/24 --type aaaa", "203.0.113.0/24", "AAAA"},
		{"--from 192.0.2.1", "192.0.2.1/32", "A"},
		{"--from 2001:db8::53 --type SRV", "2001:db8::53/128", "SRV"},
		{"", "", "A"},
	} {
		s := example()
		do(t, s, append([]string{"explain", "www.example.org"}, strings.Fields(tc.args)...))
		want := control.ExplainRequest{Name: "www.example.org", Type: tc.qtype}
		if tc.from != "" {
			want.From = netip.MustParsePrefix(tc.from)
		}
		if s.asked != want {
			t.Errorf("%q asks %+v, want %+v", tc.args, s.asked, want)
		}
	}
}

func TestOrders(t *testing.T) {
	for _, tc := range []struct {
		args string
		want control.Override
	}{
		{"drain web-3", control.Override{Server: "web-3", Drain: true, By: "alice"}},
		{"drain rack3-* --name web --for 90s --reason update", control.Override{Server: "rack3-*", Name: "web", Drain: true, Until: noon.Add(90 * time.Second), By: "alice: update"}},
		{"override [2001:db8::12]:80 --factor 0", control.Override{Server: "[2001:db8::12]:80", By: "alice"}},
		{"override web-3 --factor 2 --for 1h", control.Override{Server: "web-3", Factor: 2, Until: noon.Add(time.Hour), By: "alice"}},
	} {
		s := example()
		got := do(t, s, strings.Fields(tc.args))
		if got.code != 0 || len(s.set) != 1 || s.set[0] != tc.want {
			t.Errorf("%s: exit code %d, set %+v, want %+v; %s", tc.args, got.code, s.set, tc.want, got.stderr)
		}
	}
	for args, want := range map[string]string{
		"undrain web-4": "web-4 ",
		"override clear 192.0.2.* --name www.example.org": "192.0.2.* www.example.org",
	} {
		s := example()
		if got := do(t, s, strings.Fields(args)); got.code != 0 || len(s.cleared) != 1 || s.cleared[0] != want {
			t.Errorf("%s: exit code %d, cleared %q, want %q", args, got.code, s.cleared, want)
		}
	}
}

// The whole way: command line, socket, service and back.
func TestOverASocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "ballast") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := control.Listen(filepath.Join(dir, "c.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := example()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, l, s, t.Logf) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	socket := []string{"--socket", l.Addr().String()}
	inFuture := func(e *env) { e.now = time.Now }

	for _, args := range []string{"status", "explain www.example.org --from 203.0.113.0/24", "override list"} {
		direct := do(t, s, strings.Fields(args))
		through := do(t, nil, append(strings.Fields(args), socket...), realDial)
		if direct != through {
			t.Errorf("%s: %+v\nover the socket: %+v", args, direct, through)
		}
	}
	got := do(t, nil, append(strings.Fields("drain web-3 --for 10m"), socket...), realDial, inFuture)
	if got.code != 0 || got.stdout != "web-3: drained, for 10m; matches 1 server\n" || len(s.set) != 1 || !s.set[0].Drain {
		t.Errorf("got %+v, set %+v", got, s.set)
	}
	s.err = control.Errorf(control.ErrNotFound, "nothing is overridden for web-7")
	got = do(t, nil, append(strings.Fields("override clear web-7"), socket...), realDial)
	if got.code != exitProblem || got.stderr != "ballastctl: nothing is overridden for web-7\n" {
		t.Errorf("got %+v", got)
	}
}

func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"status ":          "api.example.net.\nwww.example.org.\n",
		"explain w":        "www.example.org.\n",
		"drain ":           "web-1\nweb-2\nweb-3\nweb-4\n",
		"drain web-1 ":     "",
		"undrain ":         "192.0.2.*\nweb-4\n",
		"status --output ": "table\njson\n",
		"explain --type A": "A\nAAAA\n",
	} {
		words := strings.Split(args, " ")
		got := do(t, example(), append([]string{cobra.ShellCompRequestCmd}, words...))
		offered, _, _ := strings.Cut(got.stdout, ":")
		if got.code != 0 || !samePrefixed(offered, want, words[len(words)-1]) {
			t.Errorf("%q offers %q, want %q", args, offered, want)
		}
	}
	t.Run("nobody to ask", func(t *testing.T) {
		got := do(t, nil, []string{cobra.ShellCompRequestCmd, "--socket", "/nonexistent/x.sock", "status", ""}, realDial)
		if got.code != 0 || !strings.HasPrefix(got.stdout, ":") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("scripts", func(t *testing.T) {
		for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
			if got := do(t, nil, []string{"completion", shell}); got.code != 0 || !strings.Contains(got.stdout, "ballastctl") {
				t.Errorf("%s: exit code %d, %q", shell, got.code, got.stderr)
			}
		}
	})
}

// samePrefixed compares the offers that begin with prefix: cobra leaves it to
// the shell to drop the others.
func samePrefixed(offered, want, prefix string) bool {
	var kept strings.Builder
	for line := range strings.Lines(offered) {
		if strings.HasPrefix(line, prefix) {
			kept.WriteString(line)
		}
	}
	return kept.String() == want
}

// Help teaches by example, with the names that are reserved for it (RFC 2606).
func TestHelp(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Name() == "completion" || c.Name() == "help" {
			return
		}
		if c.Short == "" || !strings.Contains(c.Example, "ballastctl") {
			t.Errorf("%s lacks a line or an example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	var out bytes.Buffer
	visit(newRoot(&env{stdout: &out, stderr: &out}))
	if got := do(t, nil, nil); got.code != 0 || !strings.Contains(got.stdout, "Usage:") {
		t.Errorf("without arguments: %+v", got)
	}
}
