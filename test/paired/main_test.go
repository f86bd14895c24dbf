//go:build linux

// Package paired tests director, name server, agents and Consul together, as
// built, in a network lab: what a name is answered with follows from what is
// alive behind the VIPs.
package paired

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/test/lab"
)

// bin is where TestMain builds the programs; empty where no test can use them.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Parallel(3)
	goleak.VerifyTestMain(programs.Suite{
		M: m, Dir: &bin, Names: []string{"coredns", "ballast-agent", "ballast-director"}, Skip: testing.Short() || os.Geteuid() != 0,
	})
}
