package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ballast-lb/ballast/internal/control"
)

func TestDirectorOutput(t *testing.T) {
	for _, tc := range []struct {
		golden   string
		director *director
		args     string
		code     int
	}{
		{"status", exampleDirector(), "status", 0},
		{"status-stats", exampleDirector(), "status web --stats", 0},
		{"status-rate", exampleDirector(), "status 192.0.2.100 --rate", 0},
		{"status-reasons", exampleDirector(), "status w* --reasons", 0},
		{"status-trouble", troubledDirector(), "status", 1},
		{"status-empty", &director{status: control.DirectorStatus{Program: "ballast-director", Version: "1", PID: 1, Started: noon, Config: "d.hcl"}}, "status", 0},
		{"status-json", exampleDirector(), "status dns -o json", 0},
		{"connections", exampleDirector(), "connections", 0},
		{"connections-json", exampleDirector(), "connections --vip web -o json", 0},
		{"connections-none", exampleDirector(), "connections --state opening", 0},
		{"explain", exampleDirector(), "explain 203.0.113.7:40312", 0},
		{"explain-fullnat", &director{explain: control.ConnExplain{Client: exampleConns()[2].Client, Service: "dns", Found: true,
			Connection: &exampleConns()[2], Candidates: exampleDirector().explain.Candidates[:1]}}, "explain [2001:db8::7]:5353", 0},
		{"explain-json", exampleDirector(), "explain 203.0.113.7:40312 -o json", 0},
		{"explain-none", &director{explain: control.ConnExplain{Client: netip.MustParseAddrPort("203.0.113.9:1"), Service: "web",
			Sentences: []string{"A SYN from there would be refused: the VIP has no servers."}}}, "explain 203.0.113.9:1 --vip web", 0},
		{"drain", exampleDirector(), "drain web-3 --vip web --for 1h --deadline 10m --reason update", 0},
		{"drain-json", exampleDirector(), "drain web-3 --deadline 10m -o json", 0},
		{"undrain", exampleDirector(), "undrain web-4", 0},
		{"undrain-json", exampleDirector(), "undrain web-4 -o json", 0},
		{"help", exampleDirector(), "--help", 0},
		{"help-status", exampleDirector(), "status --help", 0},
		{"help-drain", exampleDirector(), "drain --help", 0},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			got := direct(t, tc.director, strings.Fields(tc.args))
			if got.code != tc.code || got.stderr != "" {
				t.Errorf("exit code %d, stderr %q; want %d", got.code, got.stderr, tc.code)
			}
			golden(t, "director-"+tc.golden, got.stdout)
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

func TestDirectorColour(t *testing.T) {
	escape := regexp.MustCompile(`\x1b\[\d+m`)
	for args, want := range map[string][]string{
		"status":                    {"\x1b[32mup", "\x1b[35mdraining", "\x1b[33mejected", "\x1b[31mdown"},
		"explain 203.0.113.7:40312": {"\x1b[32mup", "\x1b[31mdown"},
	} {
		plain := direct(t, exampleDirector(), strings.Fields(args))
		coloured := direct(t, exampleDirector(), strings.Fields(args), func(e *env) { e.colour = true })
		if strings.Contains(plain.stdout, "\x1b") {
			t.Errorf("%s: colours where nobody can see them", args)
		}
		for _, w := range want {
			if !strings.Contains(coloured.stdout, w) {
				t.Errorf("%s: no %q", args, w)
			}
		}
		if got := escape.ReplaceAllString(coloured.stdout, ""); got != plain.stdout {
			t.Errorf("%s: colours move columns:\n%s", args, got)
		}
	}
}

func TestDirectorExitCodes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		d      *director
		args   string
		code   int
		stderr string
	}{
		{"no such command", exampleDirector(), "stauts", 2, `director: unknown command "stauts": is it status?`},
		{"two views", exampleDirector(), "status --stats --rate", 2, "choose one"},
		{"too eager", exampleDirector(), "top --interval 1ms", 2, "shorter than 100ms"},
		{"no such VIP", exampleDirector(), "status web nope", 1, "no VIP matches nope"},
		{"no port", exampleDirector(), "explain 203.0.113.7", 2, "no address and port such as 203.0.113.7:40312"},
		{"no client", exampleDirector(), "explain", 2, "director explain: CLIENT:PORT is missing"},
		{"no prefix", exampleDirector(), "connections --client 300.1.1.1", 2, "--client 300.1.1.1 is neither a prefix"},
		{"no such state", exampleDirector(), "connections --state open", 2, "opening, answered, established"},
		{"limit below 0", exampleDirector(), "connections --limit -1", 2, "below 0"},
		{"broken pattern of a filter", exampleDirector(), "connections --server web-[", 2, "pattern"},
		{"connections take no words", exampleDirector(), "connections web", 2, "director connections: "},
		{"no time", exampleDirector(), "drain web-1 --for 0s", 2, "--for 0s is no time to come"},
		{"deadline in the past", exampleDirector(), "drain web-1 --deadline -1m", 2, "--deadline -1m0s is no time to come"},
		{"deadline after the end", exampleDirector(), "drain web-1 --for 1m --deadline 2m", 2, "after its end"},
		{"broken pattern", exampleDirector(), "drain web-[", 2, "pattern"},
		{"matches nothing", &director{}, "drain web-9", 1, "no server matches web-9 now"},
		{"refused", &director{err: control.Errorf(control.ErrNotFound, "no drain of web-1")}, "undrain web-1", 1, "ballastctl: no drain of web-1"},
		{"trouble on the way", &director{conns: exampleConns(), err: control.Errorf(control.ErrUnavailable, "the maps are gone")}, "connections", 1, "the maps are gone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := direct(t, tc.d, strings.Fields(tc.args))
			if got.code != tc.code || !strings.Contains(got.stderr, tc.stderr) {
				t.Errorf("exit code %d, stderr %q; want %d and %q", got.code, got.stderr, tc.code, tc.stderr)
			}
			if tc.code == exitUsage && len(tc.d.drained)+len(tc.d.undrains) > 0 {
				t.Error("it was done all the same")
			}
		})
	}
}

func TestDirectorOrders(t *testing.T) {
	for args, want := range map[string]control.DrainOrder{
		"drain web-3": {Server: "web-3", By: "alice"},
		"drain rack3-* --vip w* --for 90s --deadline 30s --reason update": {Server: "rack3-*", VIP: "w*", By: "alice: update",
			Until: noon.Add(90 * time.Second), Deadline: noon.Add(30 * time.Second)},
		"drain [2001:db8::12]:80": {Server: "[2001:db8::12]:80", By: "alice"},
	} {
		d := exampleDirector()
		if got := direct(t, d, strings.Fields(args)); got.code != 0 || len(d.drained) != 1 || d.drained[0] != want {
			t.Errorf("%s: exit code %d, set %+v, want %+v; %s", args, got.code, d.drained, want, got.stderr)
		}
	}
	d := exampleDirector()
	if got := direct(t, d, strings.Fields("undrain web-4 --vip web")); got.code != 0 || len(d.undrains) != 1 || d.undrains[0] != "web-4 web" {
		t.Errorf("exit code %d, %q", got.code, d.undrains)
	}
}

func TestConnectionsAsk(t *testing.T) {
	for args, want := range map[string]control.ConnFilter{
		"": {Limit: 101},
		"--vip web --server web-* --state OPENING --client 203.0.113.7 --limit 5": {VIP: "web", Server: "web-*", State: control.ConnOpening,
			Client: netip.MustParsePrefix("203.0.113.7/32"), Limit: 6},
		"--client 2001:db8::1/32 --limit 0": {Client: netip.MustParsePrefix("2001:db8::/32")},
	} {
		d := exampleDirector()
		if direct(t, d, append([]string{"connections"}, strings.Fields(args)...)); d.filter != want {
			t.Errorf("%q asks %+v, want %+v", args, d.filter, want)
		}
	}
}

func TestConnectionsLimit(t *testing.T) {
	many := &director{conns: make([]control.Connection, page+1)}
	for i := range many.conns {
		many.conns[i] = exampleConns()[0]
	}
	for _, tc := range []struct {
		name, args    string
		lines, header int
		stderr        string
	}{
		{"more than asked for", "--limit 3", 3, 1, "there are more than 3; --limit 0 shows all"},
		{"as many as asked for", "--limit 501", page + 1, 2, ""},
		{"all, in pages", "--limit 0", page + 1, 2, ""},
		{"more than asked for, in JSON", "--limit 3 -o json", 3, 0, "more than 3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := direct(t, many, append([]string{"connections"}, strings.Fields(tc.args)...))
			headers := strings.Count(got.stdout, "CLIENT")
			if lines := strings.Count(got.stdout, "\n") - headers; got.code != 0 || lines != tc.lines || headers != tc.header {
				t.Errorf("exit code %d, %d lines, %d headers", got.code, lines, headers)
			}
			if !strings.Contains(got.stderr, tc.stderr) || tc.stderr == "" && got.stderr != "" {
				t.Errorf("stderr %q", got.stderr)
			}
		})
	}
	t.Run("what came before trouble is shown", func(t *testing.T) {
		got := direct(t, &director{conns: exampleConns()[:1], err: control.Errorf(control.ErrUnavailable, "gone")}, []string{"connections"})
		if got.code != exitProblem || !strings.Contains(got.stdout, "203.0.113.7:40312") {
			t.Errorf("got %+v", got)
		}
	})
}

// What is configured no more has no name.
func TestConnectionOfNoName(t *testing.T) {
	c := exampleConns()[0]
	c.Service, c.ServerID = "", ""
	got := direct(t, &director{conns: []control.Connection{c}}, []string{"connections"})
	if want := "203.0.113.7:40312  192.0.2.100:443  10.201.0.11:8443  established"; !strings.Contains(got.stdout, want) {
		t.Errorf("no %q in %s", want, got.stdout)
	}
}

// A table is never wider than a page, however servers are called.
func TestWideServers(t *testing.T) {
	d := exampleDirector()
	web := &d.status.VIPs[0]
	for i := range web.Servers {
		web.Servers[i].ID = "node-of-a-provider-with-long-names/" + web.Servers[i].ID
		web.Servers[i].Address = netip.MustParseAddrPort("[2001:db8:1111:2222:3333:4444:5555:6666]:65535")
	}
	got := direct(t, d, []string{"status", "web"})
	for line := range strings.Lines(got.stdout) {
		if n := utf8.RuneCountInString(line) - 1; n > lineWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(got.stdout, "…der-with-long-names/web-1  ") && !strings.Contains(got.stdout, "names/web-1  ") {
		t.Errorf("servers cannot be told apart:\n%s", got.stdout)
	}
}

func TestDirectorJSONShape(t *testing.T) {
	for args, v := range map[string]any{
		"status":                    &control.DirectorStatus{},
		"explain 203.0.113.7:40312": &control.ConnExplain{},
		"drain web-3":               &control.DrainOrder{},
		"connections --limit 1":     &control.Connection{},
	} {
		got := direct(t, exampleDirector(), append(strings.Fields(args), "--output", "json"))
		d := json.NewDecoder(strings.NewReader(got.stdout))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil || d.More() {
			t.Errorf("%s: %v in %s", args, err, got.stdout)
		}
	}
}

func TestDirectorUnreachable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.sock")
	for _, args := range []string{"status", "top", "connections", "explain 192.0.2.1:1", "drain a", "undrain a"} {
		for _, words := range [][]string{
			append([]string{"--socket", path, "director"}, strings.Fields(args)...),
			append(append([]string{"director"}, strings.Fields(args)...), "--socket", path),
		} {
			got := do(t, nil, words, realDialDirector)
			if got.code != exitUnreachable || got.stdout != "" {
				t.Errorf("%q: exit code %d, stdout %q", words, got.code, got.stdout)
			}
			for _, want := range []string{path, "is ballast-director running?", "--socket"} {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q does not say %q", got.stderr, want)
				}
			}
		}
	}
}

// The whole way: command line, socket, director and back.
func TestDirectorOverASocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "ballast") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := control.Listen(filepath.Join(dir, "d.sock"))
	if err != nil {
		t.Fatal(err)
	}
	d := exampleDirector()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- control.ServeDirector(ctx, l, d, t.Logf) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	socket := []string{"--socket", l.Addr().String()}
	for _, args := range []string{"status", "status web --reasons", "connections", "connections --limit 1", "explain 203.0.113.7:40312"} {
		here := direct(t, d, strings.Fields(args))
		there := direct(t, nil, append(strings.Fields(args), socket...), realDialDirector)
		if here != there {
			t.Errorf("%s: %+v\nover the socket: %+v", args, here, there)
		}
	}
	got := direct(t, nil, append(strings.Fields("drain web-3 --deadline 10m"), socket...), realDialDirector, func(e *env) { e.now = time.Now })
	if got.code != 0 || len(d.drained) != 1 || d.drained[0].Server != "web-3" {
		t.Errorf("got %+v, set %+v", got, d.drained)
	}
}

func TestDirectorCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"status ":                  "dns\nweb\n",
		"top w":                    "web\n",
		"connections --vip ":       "dns\nweb\n",
		"connections --state e":    "established\n",
		"connections --server web": "web-1\nweb-2\nweb-3\nweb-4\nweb-5\n",
		"drain web":                "web-1\nweb-2\nweb-3\nweb-4\nweb-5\n",
		"drain web-1 ":             "",
		"undrain ":                 "web-4\n",
	} {
		words := strings.Split(args, " ")
		d := exampleDirector()
		d.status.VIPs[1].Servers = nil
		towards := func(e *env) { e.dialDirector = func(string) control.Director { return d } }
		got := do(t, nil, append([]string{cobra.ShellCompRequestCmd, "director"}, words...), towards)
		offered, _, _ := strings.Cut(got.stdout, ":")
		if got.code != 0 || !samePrefixed(offered, want, words[len(words)-1]) {
			t.Errorf("%q offers %q, want %q", args, offered, want)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.5: "0.5", 67.25: "67.3", 999: "999", 999.6: "1k", 1234: "1.23k", 999_600: "1M", 12_345_678: "12.3M", 1 << 60: "1.15E", 1e30: "1000000000000E",
	} {
		if got := short(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	for n, want := range map[uint64]string{99_999: "99999", 100_000: "100k", 1<<64 - 1: "18.4E"} {
		if got := tally(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestDirectorTop(t *testing.T) {
	watchDirector := func(t *testing.T, terminal bool, args ...string) result {
		ctx, cancel := context.WithCancel(t.Context())
		ticks := make(chan time.Time, 1)
		ticks <- noon
		looks, d := 0, exampleDirector()
		see := func(string) control.Director {
			if looks++; looks == 2 {
				d.status.VIPs[0].Rates.Conns = 7
				cancel()
			}
			return d
		}
		var stdout, stderr bytes.Buffer
		code := run(ctx, env{
			stdout: &stdout, stderr: &stderr, terminal: terminal,
			height:       func() int { return 24 },
			now:          func() time.Time { return noon },
			tick:         func(time.Duration) (<-chan time.Time, func()) { return ticks, func() {} },
			dialDirector: see,
		}, append([]string{"director", "top", "--interval", "2s"}, args...))
		return result{code, stdout.String(), stderr.String()}
	}
	t.Run("in a log", func(t *testing.T) {
		got := watchDirector(t, false, "web")
		const line = "2026-11-22T12:00:00Z web alive=2/5 active=336 inactive=45 conns/s=102 in/s=234567 out/s=12345678" +
			" web-1=up:321 web-2=up:3 web-3=down:0 web-4=draining:12 web-5=ejected:0\n"
		if want := line + strings.Replace(line, "conns/s=102", "conns/s=7", 1); got != (result{0, want, ""}) {
			t.Errorf("got %+v\nwant %s", got, want)
		}
	})
	t.Run("on a terminal", func(t *testing.T) {
		got := watchDirector(t, true)
		screens := strings.Split(got.stdout, "\x1b[H")
		if got.code != 0 || len(screens) != 3 || !strings.HasPrefix(screens[2], "ballast-director 0.3.0, pid 4242") {
			t.Errorf("exit code %d, screens %q", got.code, screens)
		}
		if strings.Count(screens[1], "\n") != 23 || !strings.Contains(screens[1], "more lines") {
			t.Errorf("screen does not fit: %q", screens[1])
		}
	})
	t.Run("in JSON", func(t *testing.T) {
		got := watchDirector(t, true, "-o", "json")
		if lines := strings.Split(got.stdout, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], `{"program":"ballast-director"`) {
			t.Errorf("lines %q", lines)
		}
	})
}
