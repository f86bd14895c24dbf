package ballast

import (
	"fmt"
	golog "log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/freeport"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
)

// corefileEnv makes of the test binary a name server.
const corefileEnv = "BALLAST_TEST_COREFILE"

// serveAlone is CoreDNS in a process of its own, until it is told to end.
func serveAlone(file string) (code int) {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	golog.SetOutput(os.Stderr)
	inst, err := caddy.Start(caddy.CaddyfileInput{Contents: text, Filepath: file, ServerTypeName: "dns"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	caddy.TrapSignals()
	inst.Wait()
	return 0
}

// process is a name server that may be killed.
type process struct {
	*server
	*child.Process
	text *journal // what it logs
}

// launch starts one for example.org; body is as for serve.
func launch(t testing.TB, dir, body string) *process {
	t.Helper()
	p := &process{server: &server{t: t, port: freeport.For(t)}, text: &journal{}}
	p.addr = fmt.Sprintf("127.0.0.1:%d", p.port)
	file := filepath.Join(dir, fmt.Sprintf("Corefile.%d", p.port))
	os.WriteFile(file, p.input(dir, body).Body(), 0o600)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), corefileEnv+"="+file)
	cmd.Stdout, cmd.Stderr = p.text, p.text
	var err error
	if p.Process, err = child.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// answers are the addresses of www, or nothing while nobody answers.
func (p *process) answers() string {
	client := &dns.Client{Timeout: 500 * time.Millisecond}
	m, _, err := client.Exchange(new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA), p.addr)
	if err != nil {
		return ""
	}
	return strings.Join(addresses(m), " ")
}

// A crash leaves what was written before it.
func TestCrash(t *testing.T) {
	t.Parallel() // it mostly waits
	c := consultest.Start(t, consultest.Options{})
	register(t, c, instance{ID: "web-1", Name: "web", Address: "192.0.2.1"})
	dir := stateful(t, "www 60 IN LB consul web min-ttl=5 ramp=0\n")
	metrics := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	body := "prometheus " + metrics + "\n" + strings.Replace(keepsState, "{", "{\nconsul "+c.Addr, 1)
	p := launch(t, dir, body)
	until(t, "the first answer", 10*time.Second, func() bool { return p.answers() == "192.0.2.1" })
	register(t, c, instance{ID: "web-1", Name: "web", Address: "192.0.2.111"})
	until(t, "the changed answer", 10*time.Second, func() bool { return p.answers() == "192.0.2.111" })
	kept(t, dir)
	p.Kill()
	killed := time.Now()
	c.Kill()

	began := time.Now()
	p = launch(t, dir, body)
	until(t, "an answer after the crash", 10*time.Second, func() bool { return p.answers() != "" })
	if got := p.answers(); got != "192.0.2.111" {
		t.Errorf("After the crash it answers %s", got)
	}
	t.Logf("The new process answers after %v", time.Since(began))
	source := statusOf(t, dir).Sources[0]
	if source.Snapshot.IsZero() || source.Err == "" {
		t.Errorf("The source is %+v", source)
	}
	listening(t, metrics)
	until(t, "the metric of age", 5*time.Second, func() bool {
		v := scrape(t, metrics).series[`coredns_ballast_source_age_seconds{source="consul web"}`]
		return v >= time.Since(killed).Seconds()-2 && v < 60
	})
}

func TestTwoProcessesWithOneDirectory(t *testing.T) {
	dir := stateful(t, webPool)
	first := launch(t, dir, keepsState)
	until(t, "the first one", 10*time.Second, func() bool { return first.answers() != "" })
	kept(t, dir)
	j := logged(t)
	second := serve(t, dir, strings.Replace(keepsState, "control DIR/control", "control DIR/second", 1))
	if len(second.ask("www.example.org.", dns.TypeA).Answer) != 2 {
		t.Error("The second one does not answer")
	}
	ctl := control.Dial(filepath.Join(dir, "second/coredns.sock"))
	failure := func() string {
		t.Helper()
		status, err := ctl.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.State.Err
	}
	taken := fmt.Sprintf("another process keeps its state there: process %d", first.Pid())
	until(t, "the second one notices", 5*time.Second, func() bool { return strings.Contains(failure(), taken) })
	if _, err := ctl.SetOverride(t.Context(), control.Override{Server: "web2.example.org", Drain: true}); err != nil {
		t.Fatal(err)
	}
	first.Stop(10 * time.Second)
	until(t, "the second one writes", 5*time.Second, func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "state", overridesName))
		return failure() == "" && strings.Contains(string(text), "web2.example.org")
	})
	if n := strings.Count(j.String(), "another process keeps its state there"); n != 1 || !strings.Contains(j.String(), "is written again") {
		t.Errorf("It is logged %d times:\n%s", n, j)
	}
}
