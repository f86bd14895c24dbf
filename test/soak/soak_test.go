package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/skip"
)

// short are settings for a run of some seconds, on a machine that may be busy.
func short(t *testing.T, args ...string) settings {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the name server and Consul: not with -short")
	}
	o, err := parse(append([]string{"-bin", bin, "-slow", "4", "-qps", "1000", "-seed", "1"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	o.rest = 2 * time.Second
	return o
}

func doSoak(t *testing.T, o settings) *result {
	t.Helper()
	var out bytes.Buffer
	res, err := soak(t.Context(), o, &out)
	if errors.Is(err, consultest.ErrMissing) {
		skip.UnlessCI(t, "%v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if res.AllWrong > 0 {
		t.Errorf("%d wrong: %v\n%s", res.AllWrong, res.kinds(), out.String())
	}
	if res.Checked < 1000 {
		t.Errorf("Only %d answers were checked", res.Checked)
	}
	return res
}

// TestSoak is a short form of `make soak`.
func TestSoak(t *testing.T) {
	res := doSoak(t, short(t, "-for", "10s", "-pace", "0.3"))
	if n := total(res.Operations) + total(res.Faults); n < 50 {
		t.Errorf("Only %d operations and faults", n)
	}
}

// TestReloads loads the Corefile by SIGUSR1 under load: no question is lost, and
// nothing stays behind.
func TestReloads(t *testing.T) {
	res := doSoak(t, short(t, "-reloads", "25"))
	if res.Lost > 0 || res.Excused > 0 || res.Operations["SIGUSR1"] != 25 {
		t.Errorf("%d and %d questions lost in %d reloads", res.Lost, res.Excused, res.Operations["SIGUSR1"])
	}
}
