//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/internal/skip"
	"github.com/ballast-lb/ballast/test/lab"
)

// small is an experiment of a few seconds.
func small(t *testing.T) settings {
	t.Helper()
	s := defaults()
	s.bin, s.consul, s.unbound = bin, consultest.Binary(t), programs.Need(t, "unbound")
	s.out = t.TempDir()
	s.relative, s.resolvers, s.clients = []float64{1, .5}, 3, 20
	s.factor, s.cores, s.span = 60, .5, 8
	s.policies = []string{"weighted"}
	s.warm, s.duration, s.every = 4500*time.Millisecond, 5*time.Second, time.Second
	if err := s.complete(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestExperiment runs everything that a real run does, with two servers and
// three resolvers: load reaches both, nothing fails, and it is all written down.
func TestExperiment(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Consul, resolvers and name server: not with -short")
	}
	lab.Require(t)
	needQuotas(t)
	s := small(t)
	l := lab.ForTest(t, lab.Options{Servers: len(s.relative), NoIPv6: true})
	var said strings.Builder
	if err := experiment(t.Context(), s, l, &said); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	t.Log(said.String())
	text, err := os.ReadFile(filepath.Join(s.out, "balance.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	checkOutcome(t, s, r.Outcomes[0])
	for _, name := range []string{"busiest", "over-average", "latency"} {
		for _, format := range []string{".svg", ".png"} {
			if info, err := os.Stat(filepath.Join(s.out, name+format)); err != nil || info.Size() < 1000 {
				t.Errorf("plot %s%s: %v", name, format, err)
			}
		}
	}
	if !strings.Contains(said.String(), "weighted: P(max<.90)") {
		t.Error("the summary has no line for the policy")
	}
}

func checkOutcome(t *testing.T, s settings, o outcome) {
	t.Helper()
	if n := o.failed(); n > 0 {
		t.Errorf("%d requests failed: %v", n, o.Examples)
	}
	if o.PageRate < s.pageRate()/3 {
		t.Errorf("%.1f pages/s, want about %.1f", o.PageRate, s.pageRate())
	}
	if o.QueryRate <= 0 {
		t.Error("the name server saw no queries in the time measured")
	}
	all := sum(o.Samples)
	for i, cpu := range all.CPU {
		if most := 1.2 * s.quota(i) * all.Seconds; cpu <= 0 || cpu > most {
			t.Errorf("server %d used %.3f s of CPU, want some and at most %.3f", i+1, cpu, most)
		}
	}
}

// needQuotas skips a test where CPU cannot be limited; with CI=true it fails it.
func needQuotas(t *testing.T) {
	t.Helper()
	g, err := newCgroup(cgroupRoot, "ballast-balance-test")
	if err == nil {
		if err = errors.Join(g.setQuota(1), g.remove()); err == nil {
			return
		}
	}
	skip.UnlessCI(t, "No CPU quotas here: %v", err)
}
