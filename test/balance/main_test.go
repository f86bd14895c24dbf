//go:build linux

package main

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/programs"
)

// bin is where TestMain builds the programs; empty where no test can use them.
var bin string

func TestMain(m *testing.M) {
	serveIfAsked()
	flag.Parse()
	goleak.VerifyTestMain(programs.Suite{
		M: m, Dir: &bin, Names: []string{"coredns", "ballast-agent"}, Skip: testing.Short() || os.Geteuid() != 0,
	})
}
