//go:build linux

// Package director_test runs ballast-director as a process in a network lab,
// with real clients and servers, and sees what clients see.
//
// By default it is sparing with time; BALLAST_SOAK=1 takes the whole numbers of
// flows and SYNs.
package director_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/test/lab"
)

// bin is where TestMain builds ballast-director; empty where no test can use it.
var bin string

func TestMain(m *testing.M) {
	lab.Child()
	flag.Parse()
	lab.Parallel(4)
	goleak.VerifyTestMain(programs.Suite{M: m, Dir: &bin, Names: []string{"ballast-director"}, Skip: os.Geteuid() != 0})
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
