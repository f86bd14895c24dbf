//go:build linux

// Package director_test runs ballast-director as a process in a network lab,
// with real clients and servers, and sees what clients see.
//
// By default it is sparing with time; BALLAST_SOAK=1 takes the whole numbers of
// flows and SYNs.
package director_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/test/lab"
)

func TestMain(m *testing.M) {
	lab.Child()
	dir, err := os.MkdirTemp("", "ballast-director-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = sync.OnceValues(func() (string, error) { return build(dir) })
	code := runAll(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

// runAll runs the tests, most of which wait most of the time: more of them
// than there are CPUs can do so at once.
func runAll(m *testing.M) int {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		flag.Set("test.parallel", "4")
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		return 1
	}
	return code
}

// program is the path of ballast-director, built at the first call.
var program func() (string, error)

func build(dir string) (string, error) {
	path := filepath.Join(dir, "ballast-director")
	cmd := exec.Command("go", "build", "-o", path, "github.com/ballast-lb/ballast/cmd/director")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ballast-director: %w\n%s", err, out)
	}
	return path, nil
}

// soak tells whether the whole numbers are wanted.
func soak() bool { return os.Getenv("BALLAST_SOAK") == "1" }

// size is a number of things, fewer of them by default.
func size(usual, whole int) int {
	if soak() {
		return whole
	}
	return usual
}
