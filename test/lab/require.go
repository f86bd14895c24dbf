//go:build linux

package lab

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/internal/skip"
)

// Require skips a test where no lab can be built, and says why. With CI=true
// it fails it.
func Require(t testing.TB) {
	t.Helper()
	if err := possible(); err != nil {
		skip.UnlessCI(t, "No network lab here: %v", err)
	}
}

// Parallel lets so many tests run at once, unless the command line says how many:
// those in labs wait more than they compute.
func Parallel(tests int) {
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		flag.Set("test.parallel", strconv.Itoa(tests))
	}
}

func possible() error {
	if os.Geteuid() != 0 {
		return errors.New("it needs root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return fmt.Errorf("it needs nftables (Debian package nftables): %w", err)
	}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread and its namespace end
		made <- unix.Unshare(unix.CLONE_NEWNET)
	}()
	if err := <-made; err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	return nil
}

// testPrefix begins the names of the labs of tests; the process ID follows.
const testPrefix = "blt"

// ForTest builds a lab for one test, which has it to itself, and removes it at
// the end. Prefix and Dir are chosen here. It removes labs of tests that died.
func ForTest(t testing.TB, o Options) *Lab {
	t.Helper()
	Require(t)
	if err := Sweep(); err != nil {
		t.Logf("Left from an earlier test: %v", err)
	}
	claimed, err := claim(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(claimed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Remove the lab: %v", err)
		}
	})
	return l
}

// claim finds a prefix that no other lab of this process has: it owns the
// folder that goes with it.
func claim(o Options) (Options, error) {
	for i := range 1000 {
		o.Prefix = fmt.Sprintf("%s%d-%d-", testPrefix, os.Getpid(), i)
		o.Dir = defaultDir(o.Prefix)
		err := os.Mkdir(o.Dir, 0o755)
		if err == nil || !errors.Is(err, os.ErrExist) {
			return o, err
		}
	}
	return o, errors.New("this process has 1000 labs already")
}

// Sweep removes the labs of test processes that are gone.
func Sweep() error {
	paths, err := filepath.Glob(defaultDir(testPrefix) + "*")
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		prefix := strings.TrimPrefix(filepath.Base(path), "ballast-lab-")
		pid, _, _ := strings.Cut(strings.TrimPrefix(prefix, testPrefix), "-")
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			errs = append(errs, Remove(Options{Prefix: prefix + "-"}))
		}
	}
	return errors.Join(errs...)
}
