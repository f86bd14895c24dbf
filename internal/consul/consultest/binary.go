package consultest

import (
	"errors"
	"testing"

	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/internal/skip"
)

// ErrMissing says that there is no Consul to run.
var ErrMissing = errors.New("no Consul binary: run make consul, or set CONSUL_BIN")

// Binary is the pinned Consul, for a test that starts it otherwise. Without it the
// test is skipped, or fails when CI=true.
func Binary(t testing.TB) string {
	t.Helper()
	binary, err := find()
	demand(t, err)
	return binary
}

// find does not look for one on the path, which may be of any version.
func find() (string, error) {
	binary, err := programs.Cached("consul")
	if err != nil {
		return "", ErrMissing
	}
	return binary, nil
}

// demand ends the test if there is an error.
func demand(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		skip.UnlessCI(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
