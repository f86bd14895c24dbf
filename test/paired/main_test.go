//go:build linux

// Package paired tests director, name server, agents and Consul together, as
// built, in a network lab: what a name is answered with follows from what is
// alive behind the VIPs.
package paired

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
	flag.Parse()
	if !given("test.parallel") {
		flag.Set("test.parallel", "3") // they wait more than they compute
	}
	goleak.VerifyTestMain(suite{m})
}

// given tells whether a flag is on the command line.
func given(name string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// suite builds the programs once, before the tests.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	if testing.Short() || os.Geteuid() != 0 {
		return s.m.Run()
	}
	dir, err := os.MkdirTemp("", "ballast-paired")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, err := range []error{build(dir, "", "coredns", "agent"), build(dir, "0", "director")} {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	bin = dir
	return s.m.Run()
}

// build makes programs of cmd in dir. The director has to be without cgo, as
// it is released.
func build(dir, cgo string, names ...string) error {
	args := []string{"build", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, name := range names {
		args = append(args, "../../cmd/"+name)
	}
	c := exec.Command("go", args...)
	if cgo != "" {
		c.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", c, err, out)
	}
	return nil
}

// needConsul is the Consul that `make consul` builds.
func needConsul(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CONSUL_BIN")
	if path == "" {
		path = "../../.cache/bin/consul"
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("No Consul: %v; run make consul, or set CONSUL_BIN", err)
		}
		t.Skipf("No Consul: %v; run make consul, or set CONSUL_BIN", err)
	}
	return path
}
