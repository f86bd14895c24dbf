//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/test/lab"
	"github.com/ballast-lb/ballast/zones"
)

// TestMain is `lab serve` when up starts this program as a test server.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "listen" {
		listenForEver(os.Args[2])
	}
	goleak.VerifyTestMain(m)
}

// byHand is a lab of our own, with no programs but the test servers.
type byHand struct {
	t    *testing.T
	args []string
}

func newByHand(t *testing.T) *byHand {
	lab.Require(t)
	dir := t.TempDir()
	prefix := fmt.Sprintf("bltcmd%d-", os.Getpid())
	h := &byHand{t, []string{"-prefix", prefix, "-dir", filepath.Join(dir, "lab"), "-bin", dir, "-consul", filepath.Join(dir, "consul"), "-servers", "2"}}
	t.Cleanup(func() {
		if out, err := h.try("down"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	return h
}

func (h *byHand) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, append(h.args, args...), &out)
	return out.String(), err
}

func (h *byHand) do(args ...string) string {
	h.t.Helper()
	out, err := h.try(args...)
	if err != nil {
		h.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

func (h *byHand) expect(want string, args ...string) {
	h.t.Helper()
	if out := h.do(args...); !strings.Contains(out, want) {
		h.t.Errorf("%v: %q is not in\n%s", args, want, out)
	}
}

func TestLabByHand(t *testing.T) {
	h := newByHand(t)
	h.expect("consul is not started", "up")
	h.expect("s2         runs", "status")
	h.do("baseline", "nft")
	short := []string{"load", "-for", "200ms", "-timeout", "300ms", "10.200.0.100:443"}
	h.expect("20 connections, 0 failed", short...)
	h.do("stop", "s1")
	h.expect("s1         does not run", "status")
	h.expect("10 failed, 10 refused", short...)
	h.expect("s1         runs", "up") // starts what does not run
	h.do("fault", "s2", "silence")
	h.expect("10 failed, 10 timeout", short...)
	h.do("fault", "s2", "host-unreachable")
	h.expect("10 failed, 10 unreachable", short...)
	h.do("restore", "s2")
	h.do("kill", "s2")
	h.do("start", "s2")
	h.expect("20 connections, 0 failed", short...)
	h.expect("10 open, 0 lost", "flows", "-count", "10", "-for", "100ms", "-every", "20ms", "[fd00:200::100]:443")
	h.expect("100 SYNs sent", "flood", "-count", "100", "10.200.0.100:443")
	h.do("baseline", "off")
	h.do("down")
	h.expect("there is no lab", "down")
}

func TestMistakesByHand(t *testing.T) {
	h := newByHand(t)
	if _, err := h.try("status"); !errors.Is(err, lab.ErrNone) || !strings.Contains(err.Error(), "lab up") {
		t.Errorf("Without a lab: %v", err)
	}
	h.do("up")
	for want, args := range map[string][]string{
		"what is":        {"upp"},
		"no fault":       {"fault", "s1", "fire"},
		"s1 to s2":       {"fault", "s3", "silence"},
		"no program":     {"stop", "s7"},
		"which programs": {"start"},
		"no node":        {"run", "moon", "true"},
		"ADDRESS:PORT":   {"load"},
		"not an ip:port": {"load", "localhost"},
		"takes no":       {"up", "now"},
		"nft or off":     {"baseline", "haproxy"},
	} {
		_, err := h.try(args...)
		if err == nil {
			t.Errorf("%v: no error", args)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", args, err, want)
		}
	}
}

// TestConfigurationsAreValid reads what `lab up` writes as the programs will.
func TestConfigurationsAreValid(t *testing.T) {
	l := lab.ForTest(t, lab.Options{})
	s := &settings{}
	text, err := s.configuration(l, "director.hcl")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("director.hcl", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(c.VIPs) != 4 {
		t.Errorf("It has %d VIPs", len(c.VIPs))
	}
	if text, err = s.configuration(l, "example.org.zone"); err != nil {
		t.Fatal(err)
	}
	if _, problems := zones.Parse(strings.NewReader(text), "example.org.", "example.org.zone", zones.Settings{}); len(problems) > 0 {
		t.Errorf("%v\n%s", problems, text)
	}
}

func TestOnlyTheProcessThatWasStartedIsEnded(t *testing.T) {
	s := &settings{dir: t.TempDir()}
	p := program{name: "other"}
	if err := s.remember(p, os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if pid, err := s.process(p); pid != os.Getpid() || err != nil {
		t.Errorf("It is process %d, %v", pid, err)
	}
	// Its number went to somebody who began later: us.
	if err := os.WriteFile(s.pidFile(p), fmt.Appendf(nil, "%d 1\n", os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(p, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.pidFile(p)); err == nil {
		t.Error("The file of its process ID is left")
	}
	for _, text := range []string{"", "-1 5", "1 5", "web 5"} {
		if err := os.WriteFile(s.pidFile(p), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.stop(p, syscall.SIGKILL); err == nil {
			t.Errorf("%q was taken for a process", text)
		}
	}
}
