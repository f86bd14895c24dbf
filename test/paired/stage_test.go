//go:build linux

package paired

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// stage is a lab in which everything runs.
type stage struct {
	lab    *lab.Lab
	vips   []vip
	tags   []string // of the servers, in their order
	consul string   // the program

	echoes   []*lab.Echo
	programs map[string]*lab.Cmd // that run, by name
}

// setUp starts a lab with three servers, an agent beside each, Consul, a name
// server and a director. Servers have the tags given, in their order.
func setUp(t *testing.T, tags []string, vips func(*lab.Lab) []vip) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Consul, director and name server: not with -short")
	}
	lab.Require(t)
	s := &stage{consul: consultest.Binary(t), tags: tags, programs: map[string]*lab.Cmd{}}
	s.lab = lab.ForTest(t, lab.Options{})
	s.vips = vips(s.lab)
	for _, server := range s.lab.Servers {
		echo, err := server.StartEcho(80)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(echo.Close)
		s.echoes = append(s.echoes, echo)
	}
	s.startConsul(t)
	for i := range s.lab.Servers {
		s.load(t, i, 0.1)
		s.startAgent(t, i)
	}
	s.within(t, 30*time.Second, "the servers are passing in Consul", func() error {
		var passing []any
		err := s.get("/v1/health/service/web?passing", &passing)
		if err == nil && len(passing) != len(tags) {
			err = fmt.Errorf("%d of %d", len(passing), len(tags))
		}
		return err
	})
	s.write(t, "example.org.zone", zone)
	s.start(t, "coredns", s.lab.NS, filepath.Join(bin, "coredns"), "-conf", s.write(t, "Corefile", corefile))
	s.startDirector(t)
	for _, v := range s.vips {
		s.within(t, 30*time.Second, v.Name+" is passing in Consul", func() error {
			return s.weighs(v, s.behind(v))
		})
	}
	return s
}

func (s *stage) startConsul(t *testing.T) {
	t.Helper()
	address := s.lab.NS.Addr.String()
	s.start(t, "consul", s.lab.NS, s.consul,
		"agent", "-server", "-bootstrap-expect=1", "-node=lab", "-data-dir="+s.consulData(),
		"-bind="+address, "-client="+address, "-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1",
		"-hcl=disable_update_check=true", "-hcl=performance { raft_multiplier = 1 }", "-log-level=warn")
	s.within(t, 30*time.Second, "Consul has a leader", func() error {
		var leader string
		if err := s.get("/v1/status/leader", &leader); err != nil {
			return err
		}
		if leader == "" {
			return errors.New("none yet")
		}
		return nil
	})
}

// startAgent publishes to Consul at the start and then hardly ever: what a
// director learns within seconds it has asked for.
func (s *stage) startAgent(t *testing.T, i int) {
	t.Helper()
	n := s.lab.Servers[i]
	args := []string{"--consul", s.lab.NS.HostPort(8500), "--service", "web", "--id", n.Name,
		"--address", n.Addr.String(), "--address6", n.Addr6.String(), "--port", "80",
		"--app-file", s.file(i, "load"), "--drain-file", s.file(i, "drain"), "--check", "tcp",
		"--interval", "300ms", "--publish-every", "60s", "--ttl", "5s", "--drain", "0s",
		"--listen", n.HostPort(9155), "--insecure-listen"}
	if s.tags[i] != "" {
		args = append(args, "--tag", s.tags[i])
	}
	s.start(t, "agent-"+n.Name, n.Node, filepath.Join(bin, "ballast-agent"), args...)
}

func (s *stage) startDirector(t *testing.T) {
	t.Helper()
	s.start(t, "director", s.lab.Director, filepath.Join(bin, "ballast-director"),
		"-config", s.write(t, "director.hcl", directorHCL))
}

// start starts a program with a log of its own, which a failed test shows.
func (s *stage) start(t *testing.T, name string, n *lab.Node, program string, args ...string) {
	t.Helper()
	path := s.logFile(name)
	_, err := os.Stat(path)
	first := errors.Is(err, fs.ErrNotExist)
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := n.Command(program, args...)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s.programs[name] = c
	if !first {
		return
	}
	t.Cleanup(func() {
		s.programs[name].Kill()
		if t.Failed() {
			text := s.log(t, name)
			t.Logf("%s said:\n%s", name, text[max(0, len(text)-6000):])
		}
	})
}

func (s *stage) logFile(name string) string { return filepath.Join(s.lab.Dir(), name+".log") }

// log is what a program said.
func (s *stage) log(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(s.logFile(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stop ends a program as an operator would.
func (s *stage) stop(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.programs[name].Stop(ctx); err != nil {
		t.Errorf("%s ended with %v", name, err)
	}
}

func (s *stage) consulData() string { return filepath.Join(s.lab.Dir(), "consul-data") }

func (s *stage) socket() string { return filepath.Join(s.lab.Dir(), "director.sock") }

// file is one of a server's own.
func (s *stage) file(i int, name string) string {
	return filepath.Join(s.lab.Dir(), s.lab.Servers[i].Name+"-"+name)
}

// load is what the application of a server says from now on.
func (s *stage) load(t *testing.T, i int, load float64) {
	t.Helper()
	next := s.file(i, "load.next") // never half a file
	err := os.WriteFile(next, []byte(fmt.Sprintln(load)), 0o644)
	if err == nil {
		err = os.Rename(next, s.file(i, "load"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// behind is how many servers a VIP has.
func (s *stage) behind(v vip) (count int) {
	for _, tag := range s.tags {
		if v.Tag == "" || tag == v.Tag {
			count++
		}
	}
	return count
}

// status is what the director says of itself.
func (s *stage) status(t *testing.T) (control.DirectorStatus, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return control.DialDirector(s.socket()).Status(ctx)
}

// server is the i-th real server of the VIPs' pools, as the director has it.
func (s *stage) server(t *testing.T, i int) (control.RealStatus, error) {
	status, err := s.status(t)
	if err != nil {
		return control.RealStatus{}, err
	}
	for _, v := range status.VIPs {
		for _, r := range v.Servers {
			if r.Address.Addr() == s.lab.Servers[i].Addr {
				return r, nil
			}
		}
	}
	return control.RealStatus{}, fmt.Errorf("the director does not know %s", s.lab.Servers[i].Name)
}

// state tells why the director has a server in another state; nil if it has not.
func (s *stage) state(t *testing.T, i int, want control.RealState) error {
	r, err := s.server(t, i)
	if err == nil && r.State != want {
		err = fmt.Errorf("%s is %s: %s", r.ID, r.State, r.Reason)
	}
	return err
}

// within waits until check is content, and returns how long that took.
func (s *stage) within(t *testing.T, limit time.Duration, what string, check func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := check()
		took := time.Since(start)
		if err == nil {
			t.Logf("%s after %v", what, took.Round(time.Millisecond))
			return took
		}
		if took > limit {
			t.Fatalf("Not within %v: %s: %v", limit, what, err)
		}
		time.Sleep(25 * time.Millisecond)
	}
}
