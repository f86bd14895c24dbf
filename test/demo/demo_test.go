package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/control"
)

var (
	web1IP = netip.MustParseAddr("127.0.0.11")
	web2IP = netip.MustParseAddr("127.0.0.12")
)

// What a newcomer does, with the files as they are committed: make run, a
// look, one server stopped, Ctrl-C.
func TestExampleAsCommitted(t *testing.T) {
	needPrograms(t)
	dir := t.TempDir()
	s := exampleSettings(bin, dir, "")
	s.socket = filepath.Join(dir, "coredns.sock")
	// Another package's test may be at the same ports for a moment.
	var taken error
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if taken = s.checkFree(); taken == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Corefile.example cannot be started as it is: %v", taken)
		}
	}
	out := &output{}
	cmd := exec.Command(filepath.Join(bin, "demo"), "-bin", bin, "-run", dir)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "../..", out, out
	cmd.Env = append(os.Environ(), "BALLAST_CONTROL="+s.socket)
	p, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the demo said:\n%s", out)
		}
	})
	poll(t, 20*time.Second, "the first block", func() bool {
		if p.State() != nil {
			t.Fatal("the demo ended")
		}
		return strings.Contains(out.String(), "wanted  57%")
	})
	if got := ask(t, s); len(got.addrs) != 2 || got.ttl < 2*time.Second || got.ttl > 30*time.Second {
		t.Errorf("the answer is %v, want two addresses and a TTL within the record's", got)
	}
	if n := len(children(t)); n != 2 {
		t.Errorf("%d processes of the demo, want it and coredns", n)
	}
	post(t, s, "/web1/stop")
	goneWithin(t, s, "127.0.0.11", 3*time.Second)

	p.Signal(os.Interrupt)
	select {
	case <-p.Ended():
		if !p.State().Success() {
			t.Errorf("after SIGINT: %v", p.State())
		}
	case <-time.After(15 * time.Second):
		t.Fatal("SIGINT did not end the demo")
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := s.checkFree(); err != nil {
		t.Errorf("a port is still open: %v", err)
	}
}

// children are the command lines of all processes that run our programs.
func children(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Skip("no /proc to look for processes in")
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.HasPrefix(string(line), bin+"/") {
			found = append(found, string(line))
		}
	}
	return found
}

func TestVisitors(t *testing.T) {
	needPrograms(t)
	// With the record's own min-ttl the TTL has no room to fall: the checks
	// could change everything within two seconds anyway.
	st := play(t, ownSettings(t, "", "min-ttl=2", "min-ttl=1"))
	before := ask(t, st.settings).ttl

	t.Run("overload takes the share and shortens the TTL", func(t *testing.T) {
		post(t, st.settings, "/web1/load/0.95")
		goneWithin(t, st.settings, "127.0.0.11", 8*time.Second) // its share glides, a fifth each second
		if after := ask(t, st.settings).ttl; after >= before {
			t.Errorf("TTL %v, want less than %v", after, before)
		}
		poll(t, 15*time.Second, "the counted share falls", func() bool {
			return st.demo.tally.counts().share(web1IP) == 0
		})
		if !strings.Contains(st.out.String(), "you hold its load at 0.95") {
			t.Error("the view does not tell")
		}
		post(t, st.settings, "/web1/load/auto")
		poll(t, 10*time.Second, "web1 comes back", func() bool { return ask(t, st.settings).addrs[0] == web1IP })
	})
	t.Run("a slow server leaves", func(t *testing.T) {
		post(t, st.settings, "/web2/slow")
		goneWithin(t, st.settings, "127.0.0.12", 4*time.Second)
	})
	t.Run("a started server ramps up", func(t *testing.T) {
		post(t, st.settings, "/web2/start")
		poll(t, 10*time.Second, "web2 comes back", func() bool {
			return slices.Contains(ask(t, st.settings).addrs, web2IP)
		})
		poll(t, 3*time.Second, "the view tells", func() bool { return strings.Contains(st.out.String(), "warming up") })
	})
	t.Run("the end", func(t *testing.T) {
		if err := st.end(); err != nil {
			t.Error(err)
		}
		if left := children(t); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}

func TestCorednsDies(t *testing.T) {
	needPrograms(t)
	st := play(t, ownSettings(t, ""))
	status, err := control.Dial(st.settings.socket).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(status.PID, syscall.SIGKILL)
	poll(t, 10*time.Second, "the demo ends", func() bool { return strings.Contains(st.out.String(), "\nended\n") })
	err = st.end()
	if err == nil || !strings.Contains(err.Error(), "coredns ended by itself (signal: killed)") ||
		!strings.Contains(err.Error(), "www.example.org.") {
		t.Errorf("got %v, want it to tell of coredns, with the end of its log", err)
	}
}

func TestBrokenCorefile(t *testing.T) {
	needPrograms(t)
	s := ownSettings(t, "")
	if err := os.WriteFile(s.corefile, []byte("example.org {\n balast x\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := (&demo{settings: s, display: &display{out: &output{}}}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "balast") {
		t.Errorf("got %v, want what coredns complained of", err)
	}
}

func TestPortTaken(t *testing.T) {
	needPrograms(t)
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := ownSettings(t, "")
			if network == "udp" {
				c, err := net.ListenPacket("udp", s.dns)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			} else {
				l, err := net.Listen("tcp", s.dns)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			}
			err := (&demo{settings: s, display: &display{out: &output{}}}).Run(t.Context())
			if want := network + " port " + s.dns + " is taken"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// An end that comes while things are being started is an end, too.
func TestEndedEarly(t *testing.T) {
	needPrograms(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := &output{}
	if err := (&demo{settings: ownSettings(t, ""), display: &display{out: out}}).Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
