//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// bin is where TestMain builds the programs; empty where no test can use them.
var bin string

func TestMain(m *testing.M) {
	serveIfAsked()
	flag.Parse()
	goleak.VerifyTestMain(suite{m})
}

// suite builds the programs once, before the tests.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	if testing.Short() || os.Geteuid() != 0 {
		return s.m.Run()
	}
	dir, err := os.MkdirTemp("", "ballast-balance")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for name, path := range map[string]string{"coredns": "../../cmd/coredns", "ballast-agent": "../../cmd/agent"} {
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), path)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
			return 1
		}
	}
	bin = dir
	return s.m.Run()
}
