// Package programs builds our programs for tests, and finds those of others.
package programs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// ours are the folders of our programs, by the names that make build gives them.
var ours = map[string]string{
	"coredns": "cmd/coredns", "ballast-director": "cmd/director", "ballast-agent": "cmd/agent", "ballastctl": "cmd/ballastctl",
}

// pure are those that make build builds without cgo.
var pure = map[string]bool{"ballast-director": true}

// Build builds programs into dir: ours by their names, others by their packages, as
// they are given to go build.
func Build(dir string, names ...string) error {
	packages := map[bool][]string{}
	for _, name := range names {
		p := name
		if folder, known := ours[name]; known {
			p = "github.com/ballast-lb/ballast/" + folder
		}
		packages[pure[name]] = append(packages[pure[name]], p)
	}
	return errors.Join(build(dir, packages[false]), build(dir, packages[true], "CGO_ENABLED=0"), rename(dir, names))
}

func build(dir string, packages []string, env ...string) error {
	if len(packages) == 0 {
		return nil
	}
	cmd := exec.Command("go", append([]string{"build", "-ldflags", "-s -w", "-o", dir + "/"}, packages...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

// rename gives our programs their names: go build names several after their folders.
func rename(dir string, names []string) error {
	for _, name := range names {
		folder, known := ours[name]
		if !known || path.Base(folder) == name {
			continue
		}
		if err := os.Rename(filepath.Join(dir, path.Base(folder)), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Suite is a testing.M that builds programs before its tests, for goleak.VerifyTestMain.
type Suite struct {
	M     interface{ Run() int }
	Names []string // as for Build
	Skip  bool     // build nothing, since no test will use it
	Dir   *string  // set to where the programs are, until the tests have ended
}

// Run builds, and runs the tests.
func (s Suite) Run() int {
	if s.Skip {
		return s.M.Run()
	}
	dir, err := os.MkdirTemp("", "ballast-programs")
	if err == nil {
		defer os.RemoveAll(dir)
		err = Build(dir, s.Names...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*s.Dir = dir
	return s.M.Run()
}
