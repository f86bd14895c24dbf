package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/skip"
)

// Find looks for a program of others: one that make got, or else one on the path.
func Find(name string) (string, error) {
	if cached, err := Cached(name); err == nil {
		return cached, nil
	}
	return exec.LookPath(name)
}

// Cached looks for a program that make built or unpacked: in .cache/bin of the working
// directory or one above it. The environment's NAME_BIN, such as CONSUL_BIN, goes
// before that.
func Cached(name string) (string, error) {
	variable := strings.ToUpper(name) + "_BIN"
	if file := os.Getenv(variable); file != "" {
		return filepath.Abs(file)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		file := filepath.Join(dir, ".cache", "bin", name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("no %s in .cache/bin, and no %s", name, variable)
}

// Need finds a program for a test, which is skipped without, or fails with CI=true.
func Need(t testing.TB, name string) string {
	t.Helper()
	file, err := Find(name)
	if err != nil {
		skip.UnlessCI(t, "%v: run make packages", err)
	}
	return file
}
