package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// bin is where TestMain builds the programs; empty with -short.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(suite{m})
}

// suite builds the programs once, before the tests.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	if testing.Short() {
		return s.m.Run()
	}
	dir, err := os.MkdirTemp("", "ballast-soak-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+"/", "../../cmd/coredns", "../../cmd/ballastctl")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	bin = dir
	return s.m.Run()
}
