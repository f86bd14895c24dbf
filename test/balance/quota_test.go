//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeRoot is a folder that looks as the kernel's does once a group was made.
func fakeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestQuotaFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  map[string]string
		procs []string
		used  time.Duration
	}{
		{
			"version 1",
			map[string]string{
				"cpu/s1/cpu.cfs_period_us": "100000", "cpu/s1/cpu.cfs_quota_us": "-1", "cpu/s1/cpu.shares": "1024",
				"cpuacct/s1/cpuacct.usage": "1500000000\n",
			},
			map[string]string{"cpu/s1/cpu.cfs_period_us": "20000", "cpu/s1/cpu.cfs_quota_us": "5000", "cpu/s1/cpu.shares": "10240"},
			[]string{"cpu/s1/cgroup.procs", "cpuacct/s1/cgroup.procs"},
			1500 * time.Millisecond,
		},
		{
			"version 2",
			map[string]string{
				"cgroup.controllers": "cpu io", "cgroup.subtree_control": "",
				"s1/cpu.max": "max 100000", "s1/cpu.weight": "100",
				"s1/cpu.stat": "nr_periods 7\nusage_usec 1500000\nuser_usec 900000\n",
			},
			map[string]string{"cgroup.subtree_control": "+cpu", "s1/cpu.max": "5000 20000", "s1/cpu.weight": "1000"},
			[]string{"s1/cgroup.procs"},
			1500 * time.Millisecond,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fakeRoot(t, c.files)
			g, err := newCgroup(root, "s1")
			if err != nil {
				t.Fatal(err)
			}
			if err := g.setQuota(0.25); err != nil {
				t.Fatal(err)
			}
			for name, want := range c.want {
				if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
					t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
				}
			}
			if used, err := g.used(); err != nil || used != c.used {
				t.Errorf("used %v (%v), want %v", used, err, c.used)
			}
			for i, path := range g.procs() {
				if want := filepath.Join(root, c.procs[i]); path != want {
					t.Errorf("processes join by %s, want %s", path, want)
				}
			}
		})
	}
}

func TestMissingControllersAreNamed(t *testing.T) {
	_, err := newCgroup(t.TempDir(), "s1")
	if err == nil || !strings.Contains(err.Error(), "mount the cgroup controllers") {
		t.Errorf("%v, want the remedy", err)
	}
}
