package main

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/programs"
)

// bin is where TestMain builds the programs; empty with -short.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(programs.Suite{M: m, Dir: &bin, Names: []string{"coredns", "ballastctl"}, Skip: testing.Short()})
}
