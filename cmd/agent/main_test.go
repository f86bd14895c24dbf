package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/consul/consultest"
)

// TestMain lets the test binary be the program: the tests below start it as a
// process of its own, to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_AGENT") == "1" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// process is a running agent.
type process struct {
	*child.Process
	log bytes.Buffer // to be read when it has ended
}

func startAgent(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RUN_AS_AGENT=1")
	cmd.Stderr = &p.log
	var err error
	if p.Process, err = child.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("agent %v:\n%s", args, p.log.String())
		}
	})
	return p
}

// instance is a service as /v1/health/service shows it.
type instance struct {
	Service struct {
		ID      string
		Port    int
		Meta    map[string]string
		Weights struct{ Passing, Warning int }
	}
	Checks []struct{ CheckID, Status, Output string }
}

// find returns the service's instance, or nil.
func find(t *testing.T, c *consultest.Consul, service string) *instance {
	t.Helper()
	var all []instance
	if err := json.Unmarshal(c.Call(t, "GET", "/v1/health/service/"+service+"?consistent", nil), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

// status is the status of the agent's check; empty without.
func (i *instance) status() string {
	if i == nil {
		return ""
	}
	for _, check := range i.Checks {
		if check.CheckID == "ballast:"+i.Service.ID {
			return check.Status
		}
	}
	return ""
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// setLoad replaces the file, so that the agent never reads half of it.
func setLoad(t *testing.T, path, load string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(load), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestWithConsul follows one server's life in a real Consul.
func TestWithConsul(t *testing.T) {
	c := consultest.Start(t, consultest.Options{})
	app := filepath.Join(t.TempDir(), "load")
	args := []string{
		"--service", "web", "--port", "8080", "--capacity", "4", "--consul", c.Addr, "--listen", "",
		"--app-file", app, "--interval", "100ms", "--publish-every", "1s", "--ttl", "3s", "--drain", "500ms",
	}
	setLoad(t, app, "0.42")
	p := startAgent(t, args...)
	within(t, 10*time.Second, "registered and passing", func() bool { return find(t, c, "web").status() == "passing" })
	s := find(t, c, "web").Service
	if s.Port != 8080 || s.Weights.Passing != 4 || s.Weights.Warning != 2 || s.Meta["ballast-load"] != "0.4" || s.Meta["ballast-boot"] == "" {
		t.Errorf("registered %+v", s)
	}

	setLoad(t, app, "0.97")
	took := within(t, time.Second, "warning while overloaded", func() bool { return find(t, c, "web").status() == "warning" })
	t.Logf("from the application's number to warning in Consul: %v", took)
	within(t, 3*time.Second, "the load in Meta", func() bool { return find(t, c, "web").Service.Meta["ballast-load"] == "0.95" })
	setLoad(t, app, "0.5")
	within(t, 2*time.Second, "passing again", func() bool { return find(t, c, "web").status() == "passing" })

	p.Kill()
	took = within(t, 20*time.Second, "critical after it was killed", func() bool { return find(t, c, "web").status() == "critical" })
	t.Logf("from SIGKILL to critical by a TTL of 3s: %v", took)

	p = startAgent(t, args...)
	within(t, 10*time.Second, "passing after a new start", func() bool { return find(t, c, "web").status() == "passing" })
	p.Signal(syscall.SIGTERM)
	within(t, 2*time.Second, "critical when told to stop", func() bool { return find(t, c, "web").status() == "critical" })
	if <-p.Ended(); !p.State().Success() {
		t.Errorf("after SIGTERM: %v", p.State())
	}
	within(t, 2*time.Second, "gone", func() bool { return find(t, c, "web") == nil })
}

// TestDecorateWithConsul adds to a service and leaves it critical, or as it was.
func TestDecorateWithConsul(t *testing.T) {
	c := consultest.Start(t, consultest.Options{})
	c.Put(t, "/v1/agent/service/register", map[string]any{
		"ID": "db-1", "Name": "db", "Port": 5432, "Meta": map[string]string{"owner": "them"},
	})
	app := filepath.Join(t.TempDir(), "load")
	setLoad(t, app, "0.3")
	for _, leave := range []string{"critical", "remove"} {
		p := startAgent(t, "--decorate", "db-1", "--port", "5432", "--consul", c.Addr, "--listen", "",
			"--app-file", app, "--interval", "100ms", "--drain", "100ms", "--leave", leave)
		within(t, 10*time.Second, "decorated", func() bool {
			s := find(t, c, "db")
			return s.status() == "passing" && s.Service.Meta["ballast-load"] == "0.3" && s.Service.Meta["owner"] == "them"
		})
		p.Signal(syscall.SIGTERM)
		if <-p.Ended(); !p.State().Success() {
			t.Errorf("after SIGTERM: %v", p.State())
		}
		within(t, 10*time.Second, "left as --leave "+leave, func() bool {
			s := find(t, c, "db")
			_, has := s.Service.Meta["ballast-load"]
			if leave == "remove" {
				return s.status() == "" && !has
			}
			return s.status() == "critical"
		})
	}
}

func noEnv(string) string { return "" }

// execute runs the command line as far as its configuration and returns what
// it printed.
func execute(env func(string) string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := newCommand(env)
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.Execute()
	return out.String(), err
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
		err  string
	}{
		{"nothing said", "", "give --service NAME"},
		{"both", "--service a --port 1 --decorate b", "give one"},
		{"no port", "--service a", "needs --port"},
		{"consul and not", "--service a --port 1 --no-consul", "no use"},
		{"unknown flag", "--nonsense", "unknown flag"},
		{"an argument", "web", `what is "web"?`},
		{"port", "--service a --port 70000", "port 70000"},
		{"capacity", "--service a --port 1 --capacity 0", "capacity 0"},
		{"address", "--service a --port 1 --address web.example.org", "not an IP address"},
		{"address6", "--service a --port 1 --address6 192.0.2.1", "not an IPv6 address"},
		{"alarm", "--service a --port 1 --alarm 0.9", "not HIGH/LOW"},
		{"alarm the wrong way round", "--service a --port 1 --alarm 0.7/0.9", "alarm 0.7/0.9"},
		{"two application numbers", "--service a --port 1 --app http://x --app-file y", "not from both"},
		{"root", "--service a --port 1 --root /nowhere", "/nowhere"},
		{"check", "--service a --port 1 --check ftp", `check "ftp"`},
		{"check path", "--service a --port 1 --check tcp:/x", `check "tcp:/x"`},
		{"token file", "--service a --port 1 --report-token-file /nowhere", "report-token-file"},
		{"leave", "--service a --port 1 --leave angrily", `leave "angrily"`},
		{"ttl", "--service a --port 1 --ttl 1ms", "ttl 1ms"},
		{"open listener", "--no-consul --listen 0.0.0.0:0", "can be reached from elsewhere"},
		{"log format", "--no-consul --log-format xml", `log-format "xml"`},
		{"output", "sample -o xml", `output "xml"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := execute(noEnv, strings.Fields(c.args)...)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v, want one with %q", err, c.err)
			}
			if !isUsage(err) {
				t.Errorf("not a usage error: %v", err)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"BALLAST_AGENT_PORT": "70000", "BALLAST_AGENT_SERVICE": "a"}[name]
	}
	if _, err := execute(env); err == nil || !strings.Contains(err.Error(), "port 70000") {
		t.Errorf("environment is not read: %v", err)
	}
	if _, err := execute(env, "--port", "70001"); err == nil || !strings.Contains(err.Error(), "port 70001") {
		t.Errorf("a flag does not win over the environment: %v", err)
	}
	bad := func(name string) string { return map[string]string{"BALLAST_AGENT_TTL": "soon"}[name] }
	if _, err := execute(bad, "--no-consul"); err == nil || !strings.Contains(err.Error(), "BALLAST_AGENT_TTL") {
		t.Errorf("error %v, want one that names the variable", err)
	}
}

func TestConfig(t *testing.T) {
	o := defaultOptions()
	o.agent.Service.Name, o.measure.Port, o.capacity, o.alarm = "web", 8080, 5, "0.8/0.6"
	o.agent.Service.Address, o.address6, o.check = "192.0.2.11", "2001:db8::11", "http:/healthz"
	c, err := o.config(slog.New(slog.DiscardHandler), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := c.Service
	if s.Passing != 5 || s.Warning != 2 || s.Port != 8080 || s.Addresses["lan_ipv4"] != "192.0.2.11:8080" || s.Addresses["lan_ipv6"] != "[2001:db8::11]:8080" {
		t.Errorf("service %+v", s)
	}
	if c.Limits.High != 0.8 || c.Limits.Low != 0.6 || c.Check == nil || c.Registry == nil {
		t.Errorf("config %+v", c)
	}
}

func TestSample(t *testing.T) {
	root := filepath.Join("..", "..", "agent", "load", "testdata", "busy", "before")
	out, err := execute(noEnv, "sample", "--root", root, "--port", "8080", "--max-connections", "4", "--interval", "1ms", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var got once
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if got.Load == nil || *got.Load != 1.25 || *got.Connections != 3 || got.Cores != 2 || got.CPU != nil {
		t.Errorf("sample %s", out)
	}
	if out, err = execute(noEnv, "sample", "--root", root, "--interval", "1ms"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"load         1.250", "cpu          -", "connections  -"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
