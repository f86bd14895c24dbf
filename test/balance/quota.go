//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cgroupRoot is where the kernel's control groups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// A short period makes a quota smooth: a server stands still for less than it.
const quotaPeriod = 20 * time.Millisecond

// cgroup limits the CPU of the processes in it, and counts what they use.
type cgroup struct {
	version hierarchy
	dirs    []string // that processes are put in
}

// hierarchy is one of the kernel's two interfaces to control groups.
type hierarchy struct {
	limit func(g *cgroup, quota time.Duration) map[string]string // file to what is written
	first string                                                 // of these
	usage func(g *cgroup) (time.Duration, error)
}

// newCgroup makes a group below root, in whichever hierarchy is mounted.
func newCgroup(root, name string) (*cgroup, error) {
	g := &cgroup{}
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		// A controller is there in a group if its parent says so.
		if err := write(filepath.Join(root, "cgroup.subtree_control"), "+cpu"); err != nil {
			return nil, fmt.Errorf("%w; the cpu controller must be free to use: see cgroups(7)", err)
		}
		g.version, g.dirs = version2(), []string{filepath.Join(root, name)}
	} else {
		// They may be mounted together; then both names lead to one folder.
		g.version = version1()
		g.dirs = []string{filepath.Join(root, "cpu", name), filepath.Join(root, "cpuacct", name)}
	}
	for _, dir := range g.dirs {
		if _, err := os.Stat(filepath.Dir(dir)); err != nil {
			return nil, fmt.Errorf("%w; mount the cgroup controllers cpu and cpuacct, or cgroup2", err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make control group: %w", err)
		}
	}
	return g, nil
}

// version1 is of cgroups(7) version 1: cpu.cfs_quota_us and cpuacct.usage.
func version1() hierarchy {
	return hierarchy{
		first: "cpu.cfs_period_us", // the quota must fit it
		limit: func(_ *cgroup, quota time.Duration) map[string]string {
			return map[string]string{
				"cpu.cfs_period_us": microseconds(quotaPeriod),
				"cpu.cfs_quota_us":  microseconds(quota),
				"cpu.shares":        "10240",
			}
		},
		usage: func(g *cgroup) (time.Duration, error) {
			text, err := os.ReadFile(filepath.Join(g.dirs[1], "cpuacct.usage"))
			if err != nil {
				return 0, err
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			return time.Duration(n), err
		},
	}
}

// version2 is cpu.max and cpu.stat.
func version2() hierarchy {
	return hierarchy{
		first: "cpu.max",
		limit: func(_ *cgroup, quota time.Duration) map[string]string {
			return map[string]string{
				"cpu.max":    microseconds(quota) + " " + microseconds(quotaPeriod),
				"cpu.weight": "1000",
			}
		},
		usage: func(g *cgroup) (time.Duration, error) { return usageOf(filepath.Join(g.dirs[0], "cpu.stat")) },
	}
}

// usageOf finds usage_usec in a file of words and numbers.
func usageOf(path string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "usage_usec "); ok {
			n, err := strconv.ParseInt(value, 10, 64)
			return time.Duration(n) * time.Microsecond, err
		}
	}
	return 0, fmt.Errorf("%s has no usage_usec", path)
}

// setQuota limits the group to a share of a core, or to some cores. What it may
// use is really there: it has ten times the weight of others.
func (g *cgroup) setQuota(cores float64) error {
	files := g.version.limit(g, time.Duration(cores*float64(quotaPeriod)))
	if err := write(filepath.Join(g.dirs[0], g.version.first), files[g.version.first]); err != nil {
		return err
	}
	for name, text := range files {
		if err := write(filepath.Join(g.dirs[0], name), text); err != nil {
			return err
		}
	}
	return nil
}

// used is the CPU time that its processes have taken since it was made.
func (g *cgroup) used() (time.Duration, error) { return g.version.usage(g) }

// procs are the files that a process joins by writing its ID to them.
func (g *cgroup) procs() []string {
	var files []string
	for _, dir := range g.dirs {
		files = append(files, filepath.Join(dir, "cgroup.procs"))
	}
	return files
}

// remove removes the group, in which nothing may run any more.
func (g *cgroup) remove() error {
	var errs []error
	for _, dir := range g.dirs {
		if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func microseconds(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

// write writes to a file that is there.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
