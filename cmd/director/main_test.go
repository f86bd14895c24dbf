package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/director/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// execute runs one command.
func execute(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), code
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "director.hcl")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const good = `interfaces = ["d0", "br0"]
vip "web" {
  address = "10.200.0.100"
  ports   = [80, 443]
  servers = ["10.201.0.11", "10.201.0.12 weight=2", "10.201.0.13"]
}
`

const bad = `interfaces = ["d0", "br0"]
vip "web" {
  address = "10.200.0.300"
  ports   = [80, 443]
  server  = ["10.201.0.11"]
}
`

func TestCheck(t *testing.T) {
	file := write(t, good)
	out, errs, code := execute(t, "check", file)
	if want := file + ": ok: 1 VIP, 3 servers\n"; out != want || errs != "" || code != exitOK {
		t.Errorf("%q %q %d, want %q", out, errs, code, want)
	}
	file = write(t, bad)
	out, errs, code = execute(t, "check", file)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if errs != "" || code != exitError || len(lines) != 3 {
		t.Fatalf("%q %q %d", out, errs, code)
	}
	for i, want := range []string{":2: error: no servers", ":3: error: address is not", `:5: error: unknown setting in vip "web" (server): did you mean "servers"?`} {
		if !strings.HasPrefix(lines[i], file+want) {
			t.Errorf("line %q, want %q", lines[i], want)
		}
	}
}

func TestCheckJSON(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      verdict
		code      int
	}{
		{"good", good, verdict{OK: true, VIPs: 1, Servers: 3, Problems: config.Problems{}}, exitOK},
		{"service", "interfaces = [\"d0\"]\nconsul {}\n" + strings.Replace(good[27:], `servers = ["10.201.0.11", "10.201.0.12 weight=2", "10.201.0.13"]`, `service = "web"`, 1),
			verdict{OK: true, VIPs: 1, Services: 1, Problems: config.Problems{}}, exitOK},
		{"bad", "interfaces = [\"d0\"]\nmetrcis = \"\"\n", verdict{Problems: config.Problems{
			{Line: 2, Column: 1, What: "unknown setting in the configuration", Value: "metrcis", Remedy: `did you mean "metrics"?`},
		}}, exitError},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, c.src)
			out, errs, code := execute(t, "check", file, "-output=json")
			var got verdict
			if err := json.Unmarshal([]byte(out), &got); err != nil || errs != "" || code != c.code {
				t.Fatalf("%v in %q, %q, %d", err, out, errs, code)
			}
			c.want.File = file
			for i := range c.want.Problems {
				c.want.Problems[i].File = file
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestExample checks director.hcl as it stands, and with what is commented out
// taken in.
func TestExample(t *testing.T) {
	out, _, code := execute(t, "check", "director.hcl")
	if want := "director.hcl: ok: 3 VIPs, 7 servers, 1 service in Consul\n"; out != want || code != exitOK {
		t.Errorf("%q %d, want %q", out, code, want)
	}
	src, err := os.ReadFile("director.hcl")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^( *)#([a-z}]|  [a-z])`).ReplaceAll(src, []byte("$1$2"))
	c, err := config.Parse("director.hcl", all)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.VIPs) != 4 || c.Consul.TLS.KeyFile == "" || c.VIPs[1].Check == nil {
		t.Errorf("not all was taken in: %+v", c)
	}
}

func TestExampleInHelp(t *testing.T) {
	out, _, _ := execute(t, "-help")
	_, src, _ := strings.Cut(out, "that works:\n")
	src, _, _ = strings.Cut(src, "\nThe servers' default route")
	if c, err := config.Parse("help", []byte(src)); err != nil || len(c.VIPs) != 1 {
		t.Errorf("%v in\n%s", err, src)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
		want string
	}{
		{"no file", "check", "the configuration's FILE is missing"},
		{"two files", "check a b", `what is "b"?`},
		{"output", "check -o xml a", `output "xml" is neither text nor json`},
		{"unknown command", "chekc a", `unknown command "chekc": is it check?`},
		{"unknown flag", "check --nonsense a", "unknown flag: --nonsense"},
		{"version takes nothing", "version x", `what is "x"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := execute(t, strings.Fields(c.args)...)
			if !strings.HasPrefix(errs, "ballast-director: ") || !strings.Contains(errs, c.want) || out != "" || code != exitUsage {
				t.Errorf("%q %q %d, want %q", out, errs, code, c.want)
			}
		})
	}
	if _, errs, code := execute(t, "check", "/nowhere/director.hcl"); code != exitError || !strings.Contains(errs, "/nowhere/director.hcl") {
		t.Errorf("%q %d for no file", errs, code)
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version", "-version"} {
		if out, _, code := execute(t, arg); code != exitOK || !strings.Contains(out, "ballast-director") || !strings.Contains(out, version) {
			t.Errorf("%s: %q %d", arg, out, code)
		}
	}
}

func TestLongFlags(t *testing.T) {
	root := newRoot()
	root.PersistentFlags().String("config", "", "")
	for _, c := range []struct{ args, want string }{
		{"-config f", "--config f"},
		{"-config=f", "--config=f"},
		{"--config f", "--config f"},
		{"check -output json f", "check --output json f"},
		{"check -o json f", "check -o json f"},
		{"check -ojson f", "check -ojson f"},
		{"-help", "--help"},
		{"-h", "-h"},
		{"-nonsense", "-nonsense"},
		{"-", "-"},
		{"check -- -config", "check -- -config"},
		{"", ""},
	} {
		args := strings.Fields(c.args)
		before := strings.Join(args, " ")
		got := longFlags(root, args)
		if strings.Join(got, " ") != c.want || got == nil {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
		if strings.Join(args, " ") != before {
			t.Errorf("%s: the arguments themselves were changed", c.args)
		}
	}
}

func TestLogger(t *testing.T) {
	for format, want := range map[string]string{"text": `msg=reloaded vips=2`, "json": `"msg":"reloaded","vips":2`} {
		var out bytes.Buffer
		log, err := newLogger(&out, format)
		if err != nil {
			t.Fatal(err)
		}
		if log.Info("reloaded", "vips", 2); !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q", format, &out)
		}
	}
	if _, err := newLogger(nil, "xml"); err == nil || !strings.Contains(err.Error(), `log-format "xml"`) {
		t.Errorf("error %v", err)
	}
}

func send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestSignals(t *testing.T) {
	reload, ignore := hangups()
	defer ignore()
	ctx, stop := untilSignal(context.Background())
	defer stop()
	limit := time.After(10 * time.Second)
	send(t, syscall.SIGHUP)
	select {
	case <-reload:
	case <-limit:
		t.Fatal("SIGHUP does not arrive")
	}
	if ctx.Err() != nil {
		t.Error("SIGHUP ends the program")
	}
	send(t, syscall.SIGTERM)
	select {
	case <-ctx.Done():
	case <-limit:
		t.Fatal("SIGTERM does not end the program")
	}
}
